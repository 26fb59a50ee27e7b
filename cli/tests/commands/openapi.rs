//! `farebox init --openapi`: from a file, from standard input and from an address, and what it prints of each.
//!
//! They catch an operation that vanishes without a word, and a document that is fetched from where it must not be. They catch a
//! reference to a file above the document's folder, and a summary that scripts cannot read.

use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
};

use farebox_core::catalog::{Catalog, compile};
use serde_json::{Value, json};

use super::{
    failure,
    server::{Reply, Server},
    stdout,
};

/// `farebox init` in `home`, with `document` on standard input.
fn init(home: &tempfile::TempDir, args: &[&str], document: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
    command.arg("init").args(args).current_dir(home.path()).env("XDG_CONFIG_HOME", home.path());
    command.env_remove("FAREBOX_GATEWAY").env_remove("FAREBOX_PROFILE");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("farebox runs");
    // A command that fails before it reads leaves the pipe.
    let _ = child.stdin.take().expect("a pipe").write_all(document.as_bytes());
    child.wait_with_output().expect("farebox ends")
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn catalog(output: &Output) -> Catalog {
    compile(&stdout(output)).expect("a catalog")
}

fn upstreams(catalog: &Catalog) -> Vec<(&str, usize)> {
    catalog.products.iter().map(|product| (product.upstream.as_str(), product.routes.len())).collect()
}

const TWO_ADDRESSES: &str = "openapi: 3.1.0\ninfo: {title: T}\nservers: [{url: 'https://api.example/v1'}]\npaths:\n  /a: {get: {}}\n  \
    '/b?c': {get: {}}\n  /up: {post: {servers: [{url: 'https://up.example'}]}}\n";

#[test]
fn each_address_is_a_product_and_what_is_wider_is_printed_and_in_the_catalog() {
    let home = home();
    let printed = init(&home, &["--openapi", "-", "-"], TWO_ADDRESSES);
    assert_eq!(upstreams(&catalog(&printed)), [("https://api.example/v1", 2), ("https://up.example", 1)]);
    let named = "wider: GET /b?c: sold as /b, for a route takes every query";
    assert_eq!(String::from_utf8_lossy(&printed.stderr), format!("{named}\n"));
    assert!(stdout(&printed).contains(&format!("# - {named}\n")));

    let written = init(&home, &["--openapi", "-"], TWO_ADDRESSES);
    let said = "catalog.toml written: 2 products, 3 routes at 1.00 USD per 1,000 calls\npublish it with: farebox apply catalog.toml\n";
    assert_eq!(stdout(&written), said);
}

#[test]
fn scripts_read_what_was_written_and_what_was_not() {
    let home = home();
    let output = init(&home, &["--openapi", "-", "--json"], TWO_ADDRESSES);
    let summary: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
    assert_eq!(summary["file"], "catalog.toml");
    assert_eq!(summary["products"][1]["routes"], json!([{"methods": ["POST"], "path": "/up"}]));
    let what = "sold as /b, for a route takes every query";
    assert_eq!(summary["named"], json!([{"kind": "wider", "path": "/b?c", "methods": ["GET"], "what": what}]));
    assert!(output.stderr.is_empty());
    assert!(failure(&init(&home, &["--openapi", "-", "--json", "-"], TWO_ADDRESSES)).contains("name a file"));
}

#[test]
fn references_lead_to_files_beside_the_document_and_not_above_it() {
    let home = home();
    let folder = home.path().join("api");
    fs::create_dir_all(folder.join("paths")).expect("folders");
    let write = |name: &str, text: &str| fs::write(home.path().join(name), text).expect("written");
    write(
        "api/openapi.yaml",
        "openapi: 3.0.0\nservers: [{url: 'https://a.example'}]\npaths:\n  /a: {$ref: paths/a.yaml}\n  \
        /b: {$ref: 'paths/all.json#/~1b'}\n  /c: {$ref: ../secret.yaml}\n  /d: {$ref: paths/none.yaml}\n  \
        /e: {$ref: 'https://other.example/e.yaml'}\n  /f: {$ref: paths/link.yaml}\n",
    );
    write("api/paths/a.yaml", "get: {}\nput: {$ref: all.json#/put}\n");
    write(
        "api/paths/all.json",
        "{\"/b\": {\"$ref\": \"a.yaml\"}, \"put\": {\"servers\": [{\"url\": \"https://put.example\"}]}}",
    );
    write("secret.yaml", "get: {}\n");
    #[cfg(unix)]
    std::os::unix::fs::symlink(home.path().join("secret.yaml"), folder.join("paths/link.yaml")).expect("a link");
    let output = init(&home, &["--openapi", "api/openapi.yaml", "-"], "");
    assert_eq!(upstreams(&catalog(&output)), [("https://a.example", 2), ("https://put.example", 2)]);
    let named = String::from_utf8_lossy(&output.stderr).into_owned();
    let left: Vec<_> = named.lines().filter_map(|line| line.strip_prefix("left out: ")?.split(':').next()).collect();
    assert_eq!(left, ["/c", "/d", "/e", "/f"], "{named}");
}

#[test]
fn a_document_is_fetched_and_its_relative_server_hangs_on_its_address() {
    let document = json!({"openapi": "3.0.0", "servers": [{"url": "../v1"}], "paths": {"/a": {"get": {}}, "/b": {"$ref": "b.json"}}});
    let server = Server::start(move |received| match received.target.as_str() {
        "/moved" => Reply::json(302, json!({})).with("Location", "/docs/api/openapi.json"),
        "/docs/api/openapi.json" => Reply::json(200, document.clone()),
        "/docs/api/b.json" => Reply::json(200, json!({"put": {}})),
        "/turns" => Reply::json(302, json!({})).with("Location", "/turns"),
        "/out" => Reply::json(302, json!({})).with("Location", "http://far.example/openapi.json"),
        _ => Reply::json(404, json!({"error": "no such document"})),
    });
    let fetch = |path: &str| init(&home(), &["--openapi", &format!("{}{path}", server.address()), "-"], "");
    let expected = format!("{}/docs/v1", server.address());
    assert_eq!(upstreams(&catalog(&fetch("/moved"))), [(expected.as_str(), 2)]);
    assert!(failure(&fetch("/none")).ends_with("/none answered 404 Not Found\n"));
    assert!(failure(&fetch("/turns")).contains("redirect"));
    assert!(failure(&fetch("/out")).contains("not https"));
    let far = failure(&init(&home(), &["--openapi", "http://far.example/openapi.json", "-"], ""));
    assert!(far.contains("http://far.example/openapi.json is not https"), "{far}");
    let secret = failure(&init(&home(), &["--openapi", "https://me:hush@far.example/openapi.json", "-"], ""));
    assert!(!secret.contains("hush"), "{secret}");
}

#[test]
fn what_is_no_document_is_refused_in_one_line_that_names_it() {
    let home = home();
    fs::write(home.path().join("page.html"), "<!doctype html>\n<title>404</title>").expect("written");
    fs::write(home.path().join("latin"), b"openapi: \xe9").expect("written");
    let refused = |name: &str| failure(&init(&home, &["--openapi", name, "-"], ""));
    assert_eq!(refused("page.html"), "farebox: page.html: not an OpenAPI document: it is HTML or XML\n");
    assert_eq!(refused("latin"), "farebox: latin is not in UTF-8\n");
    assert!(refused("none.yaml").starts_with("farebox: cannot read none.yaml: "));
    assert_eq!(refused("-"), "farebox: standard input: not an OpenAPI document: it is empty\n");
}
