//! Sweeps a folder of OpenAPI documents: whatever is in them, each operation is sold at its own address, or it is named.
//!
//! It reads each document a second time, by a walk of its own over the plain JSON, which shares nothing with the reader.
//! Then it calls every operation, with its parameters filled in, on the gateway's router over the catalog that was written.
//! Invariant: it fails when an operation went astray in silence, when a catalog does not compile, or when one takes too long.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use farebox_cli::{
    draft::Draft,
    openapi::{Api, Kind, Named, Source},
};
use farebox_core::catalog::{Catalog, compile, router::Router};
use serde_json::Value;
use url::Url;

/// No document may take longer.
const LONGEST: Duration = Duration::from_secs(10);

const METHODS: [&str; 9] = ["get", "put", "post", "delete", "options", "head", "patch", "trace", "query"];

/// Where an API is whose document does not say it.
const GIVEN: &str = "https://given.example";

#[derive(Default)]
struct Counts {
    documents: usize,
    /// Documents that name no address in full, and were read with `--upstream`.
    given: usize,
    products: usize,
    operations: usize,
    /// Sold by a route that takes what the document says and no more.
    sold: usize,
    wider: usize,
    left_out: usize,
    /// Documents that are refused, with why.
    refused: Vec<String>,
    /// What must not be.
    wrong: Vec<String>,
    slowest: Vec<(Duration, String)>,
}

fn main() -> ExitCode {
    match std::env::args_os().nth(1).map(PathBuf::from) {
        Some(folder) => match sweep(&folder) {
            Ok(counts) => report(counts),
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        },
        None => {
            eprintln!("usage: openapi-sweep <folder>");
            ExitCode::FAILURE
        }
    }
}

fn sweep(folder: &Path) -> anyhow::Result<Counts> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut counts = Counts::default();
    for file in files {
        let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
        let text = fs::read_to_string(&file).with_context(|| name.clone())?;
        let root: Value = serde_json::from_str(&text).with_context(|| name.clone())?;
        if root.get("openapi").is_some() || root.get("swagger").is_some() {
            counts.documents += 1;
            document(&name, text, &root, &mut counts);
        }
    }
    Ok(counts)
}

/// Reads one document and calls each of its operations.
fn document(name: &str, text: String, root: &Value, counts: &mut Counts) {
    let source = Source::from_text(text);
    let began = Instant::now();
    let mut given = None;
    let mut read = write(&source, None);
    if read.as_ref().is_err_and(|error| error.to_string().contains("--upstream")) {
        given = Url::parse(GIVEN).ok();
        counts.given += 1;
        read = write(&source, given.as_ref());
    }
    counts.slowest.push((began.elapsed(), name.to_owned()));
    counts.slowest.sort_by(|a, b| b.cmp(a));
    counts.slowest.truncate(5);
    match read {
        Ok((api, catalog)) => {
            counts.products += catalog.products.len();
            if let Err(error) = call(name, root, given.is_some(), &api, &catalog, counts) {
                counts.wrong.push(format!("{name}: {error:#}"));
            }
        }
        Err(error) if error.to_string().starts_with("the document has no path") => {
            counts.refused.push(format!("{name}: {error:#}"));
        }
        Err(error) => counts.wrong.push(format!("{name}: {error:#}")),
    }
}

fn write(source: &Source, upstream: Option<&Url>) -> anyhow::Result<(Api, Catalog)> {
    let api = Api::read(source, upstream)?;
    let draft = Draft { schema: "s", provider: "P", currency: "USD".parse()?, price: "1".parse()? };
    match compile(&draft.text(&api)) {
        Ok(catalog) => Ok((api, catalog)),
        Err(problems) => bail!("no catalog: {}", problems.first().map(ToString::to_string).unwrap_or_default()),
    }
}

fn call(
    name: &str,
    root: &Value,
    is_given: bool,
    api: &Api,
    catalog: &Catalog,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    let router = Router::new(catalog).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut named: BTreeMap<&str, Vec<&Named>> = BTreeMap::new();
    for one in &api.named {
        named.entry(one.path.as_deref().unwrap_or_default()).or_default().push(one);
    }
    for (path, item) in root["paths"].as_object().into_iter().flatten() {
        let target = item["$ref"].as_str().and_then(|target| root.pointer(target.strip_prefix('#')?));
        let item = target.unwrap_or(item);
        let members = item.as_object().into_iter().flatten();
        for (key, operation) in members.filter(|(key, _)| METHODS.contains(&key.to_lowercase().as_str())) {
            counts.operations += 1;
            let method = key.to_uppercase();
            let is = |kind| {
                let mut about = named.get(path.as_str()).into_iter().flatten();
                about.any(|it| it.kind == kind && (it.methods.is_empty() || it.methods.contains(&method)))
            };
            let found = router.route(&method, &sample(path)?, None).ok();
            let upstream = found.map(|target| catalog.products[target.product].upstream.as_str());
            let addresses = addresses(root, item, operation);
            let is_own = upstream.is_some_and(|it| addresses.iter().any(|address| address == it))
                || (is_given && upstream.is_some_and(|it| it.starts_with(GIVEN)));
            match (is(Kind::LeftOut), is(Kind::Wider)) {
                (true, _) => counts.left_out += 1,
                (false, true) if is_own => counts.wider += 1,
                (false, false) if is_own => counts.sold += 1,
                _ => counts.wrong.push(format!("{name}: {method} {path}: at {upstream:?}, and not at {addresses:?}")),
            }
        }
    }
    Ok(())
}

/// The path as a client sends it, with every parameter filled in.
fn sample(path: &str) -> anyhow::Result<String> {
    let (mut out, mut depth) = (String::new(), 0);
    for c in path.split(['?', '#']).next().unwrap_or_default().chars() {
        match c {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                out.push_str("swept");
            }
            _ if depth > 0 => {}
            _ => out.push(c),
        }
    }
    let slash = if out.starts_with('/') { "" } else { "/" };
    Ok(Url::parse(&format!("https://caller.example{slash}{out}"))?.path().to_owned())
}

/// Every address that an operation may have by its document. They are those of the best scheme among its own servers, or else its
/// path's, or else the document's.
fn addresses(root: &Value, item: &Value, operation: &Value) -> Vec<String> {
    let has = |value: &&Value| value["servers"].as_array().is_some_and(|servers| !servers.is_empty());
    let listed = [operation, item, root].into_iter().find(has).map(|value| value["servers"].clone());
    let urls: Vec<String> = match listed {
        Some(servers) => servers.as_array().into_iter().flatten().map(filled).collect(),
        None => {
            let schemes = operation["schemes"].as_array().or_else(|| root["schemes"].as_array());
            let schemes = schemes.into_iter().flatten().filter_map(Value::as_str);
            let place = format!(
                "{}{}",
                root["host"].as_str().unwrap_or_default(),
                root["basePath"].as_str().unwrap_or_default()
            );
            let mut urls: Vec<String> = schemes.map(|scheme| format!("{scheme}://{place}")).collect();
            if urls.is_empty() {
                urls.push(format!("https://{place}"));
            }
            urls
        }
    };
    let urls = urls.iter().map(|url| if url.starts_with("//") { format!("https:{url}") } else { url.clone() });
    let urls = urls.filter_map(|url| Url::parse(url.trim()).ok());
    let all: Vec<String> = urls.map(|url| url.as_str().trim_end_matches('/').to_owned()).collect();
    let secure: Vec<String> = all.iter().filter(|url| url.starts_with("https:")).cloned().collect();
    if secure.is_empty() { all } else { secure }
}

fn filled(server: &Value) -> String {
    let mut url = server["url"].as_str().unwrap_or_default().to_owned();
    for (name, variable) in server["variables"].as_object().into_iter().flatten() {
        let default = &variable["default"];
        let value = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        url = url.replace(&format!("{{{name}}}"), &value);
    }
    url
}

fn report(counts: Counts) -> ExitCode {
    let Counts { documents, given, products, operations, sold, wider, left_out, refused, mut wrong, slowest } = counts;
    if documents == 0 {
        wrong.push("there was no document".to_owned());
    }
    println!("{documents} documents, {given} of them with --upstream, {} with nothing to sell", refused.len());
    println!(
        "{products} products; {operations} operations: {sold} as stated, {wider} wider and named, {left_out} left out and named"
    );
    for refused in &refused {
        println!("nothing to sell: {refused}");
    }
    for (took, name) in &slowest {
        println!("{:>6} ms  {name}", took.as_millis());
        if *took > LONGEST {
            wrong.push(format!("{name}: it took {} s", took.as_secs()));
        }
    }
    for wrong in &wrong {
        eprintln!("wrong: {wrong}");
    }
    println!("{} wrong", wrong.len());
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
