//! From nothing to a catalog that is published, and what is kept on the way: files, profiles, secrets.
//!
//! Broken on purpose, each seen to fail here: the token of a profile goes to whatever gateway is named; a catalog is
//! published before the answer; a credential's file can be read by everybody; `init` writes over a file.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use farebox_core::catalog::compile;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    failure,
    server::{Reply, Server},
    stdout,
};

/// Runs `farebox` in a directory that is its home too, with nothing in the environment.
pub(crate) fn at_home(home: &TempDir, args: &[&str], input: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
    command.args(args).current_dir(home.path()).env_clear().env("HOME", home.path());
    let Some(input) = input else { return command.stdin(Stdio::null()).output().expect("farebox runs") };
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a child");
    std::io::Write::write_all(&mut child.stdin.take().expect("its input"), input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("farebox runs")
}

pub(crate) fn home() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn is_private(path: &Path) -> bool {
    fs::metadata(path).expect("a file").permissions().mode() & 0o077 == 0
}

/// The OpenAPI document of a public API.
const APIS_GURU: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/openapi/apis-guru.yaml");

#[test]
fn what_init_writes_is_a_catalog_and_nothing_is_written_over() {
    let home = home();
    stdout(&at_home(&home, &["init"], None));
    let text = fs::read_to_string(home.path().join("catalog.toml")).expect("the catalog");
    assert!(text.starts_with("#:schema http://127.0.0.1:8787/_farebox/catalog.schema.json\n"), "{text}");
    compile(&text).expect("a catalog");
    // The offers that are shown as comments can be sold as they stand.
    let (sold, shown) = text.split_once("  # Prepaid").expect("offers");
    let lines = shown.lines().skip(1).filter(|line| line.contains(" = ") || line.contains("[["));
    let shown: Vec<_> = lines.map(|line| line.trim_start_matches("  # ")).collect();
    let catalog = compile(&format!("{sold}\n{}", shown.join("\n"))).expect("a catalog with offers");
    assert_eq!((catalog.products[0].packages.len(), catalog.products[0].subscriptions.len()), (1, 1));

    fs::write(home.path().join("catalog.toml"), "mine").expect("written");
    let refused = failure(&at_home(&home, &["init"], None));
    assert_eq!(refused, "farebox: catalog.toml is there already; --force writes over it\n");
    assert_eq!(fs::read_to_string(home.path().join("catalog.toml")).expect("it"), "mine");
    stdout(&at_home(&home, &["init", "--force"], None));
    assert_eq!(fs::read_to_string(home.path().join("catalog.toml")).expect("it"), text);
}

#[test]
fn the_paths_of_a_public_api_become_routes() {
    let made = stdout(&at_home(&home(), &["init", "--openapi", APIS_GURU, "--provider", "Acme", "-"], None));
    let catalog = compile(&made).expect("a catalog");
    let product = &catalog.products[0];
    assert_eq!((product.id.as_str(), product.title.as_str()), ("apis-guru", "APIs.guru"));
    assert_eq!(product.upstream, "https://api.apis.guru/v2");
    let routes: Vec<_> = product.routes.iter().map(|route| (route.methods.join(" "), route.path.as_str())).collect();
    let get = |path| ("GET".to_owned(), path);
    let paths = [
        "/list.json",
        "/metrics.json",
        "/providers.json",
        "/specs/{provider}/{api}.json",
        "/specs/{provider}/{service}/{api}.json",
        "/{provider}.json",
        "/{provider}/services.json",
    ];
    assert_eq!(routes, paths.map(get));
}

#[test]
fn apply_publishes_what_was_shown_and_agreed_to() {
    let server = Server::start(|received| {
        let changes =
            json!([{"change": "changed", "subject": "provider", "aspect": "name", "before": "A", "after": "B"}]);
        let published = !received.target.contains("dry_run");
        Reply::json(200, json!({"version": "abc", "published": published, "changes": changes}))
    });
    let home = home();
    fs::write(home.path().join("catalog.toml"), "[provider]\n").expect("written");
    let apply = |more: &[&str]| {
        let gateway = server.address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
        command.args(["apply", "--gateway", &gateway]).args(more).current_dir(home.path());
        command.env("FAREBOX_ADMIN_TOKEN", "token-1").stdin(Stdio::null()).output().expect("farebox runs")
    };
    let unasked = apply(&[]);
    let text = String::from_utf8(unasked.stderr).expect("text");
    let expected = "~ provider: name A -> B\nfarebox: there is nobody to ask: --yes publishes it without asking\n";
    assert_eq!((unasked.status.code(), text.as_str()), (Some(1), expected));
    assert!(server.take().target.ends_with("?dry_run=true"), "it is tried");
    let told = stdout(&apply(&["--yes"]));
    assert!(server.take().target.ends_with("?dry_run=true"), "nothing was published before");
    assert_eq!(server.take().target, "/_farebox/admin/v1/catalog");
    assert_eq!(told, "~ provider: name A -> B\ncatalog abc published\n");
}

#[test]
fn apply_publishes_the_documents_that_the_catalog_names() {
    let server = Server::start(|received| match received.target.contains("/catalog") {
        true => Reply::json(200, json!({"version": "abc", "changes": []})),
        false => Reply::json(204, Value::Null),
    });
    let home = home();
    let catalog = "[provider]\nname = \"A\"\ncurrency = \"USD\"\n[[products]]\nid = \"maps\"\nopenapi = \"docs/maps.yaml\"\n\
        upstream = \"https://m.example\"\nauth = [\"key\"]\nroutes = [{ path = \"/maps\" }]\nrate = { per_call = \"0.01\" }\n";
    fs::create_dir(home.path().join("docs")).expect("a folder");
    fs::write(home.path().join("catalog.toml"), catalog).expect("written");
    let gateway = server.address();
    let apply = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_farebox"));
        command.args(["apply", "--yes", "--gateway", &gateway]).current_dir(home.path());
        command.env("FAREBOX_ADMIN_TOKEN", "token-1").stdin(Stdio::null()).output().expect("farebox runs")
    };
    let missing = failure(&apply());
    assert!(missing.contains("docs/maps.yaml"), "{missing}");
    assert!(server.take().target.ends_with("?dry_run=true"), "nothing is published without it");
    fs::write(home.path().join("docs/maps.yaml"), "openapi: 3.1.0\npaths:\n  /maps: {}\n").expect("written");
    stdout(&apply());
    let sent: Vec<String> = (0..3)
        .map(|_| server.take())
        .map(|sent| {
            if sent.target.ends_with("/openapi") {
                assert_eq!(sent.json(), json!({"openapi": "3.1.0", "paths": {"/maps": {}}}));
            }
            sent.target
        })
        .collect();
    let api = "/_farebox/admin/v1/";
    assert_eq!(sent, ["catalog?dry_run=true", "catalog", "products/maps/openapi"].map(|path| format!("{api}{path}")));
}

#[test]
fn a_profile_gives_its_token_to_its_own_gateway_alone() {
    let server = Server::start(|_| Reply::json(200, json!({"items": []})));
    let (home, address) = (home(), server.address());
    let kept = stdout(&at_home(&home, &["profile", "set", "one", &address], Some("token-of-one\n")));
    assert_eq!(kept, "one is kept, and used when none is named\n");
    let tried = server.take();
    assert_eq!(
        (tried.target.as_str(), tried.header("authorization")),
        ("/_farebox/admin/v1/accounts?limit=1", Some("Bearer token-of-one"))
    );
    stdout(&at_home(&home, &["profile", "set", "two", "http://127.0.0.1:9", "--no-check"], Some("token-of-two\n")));
    let directory = home.path().join(".config/farebox");
    assert!(is_private(&directory.join("one.token")) && is_private(&directory.join("config.toml")));
    let config = fs::read_to_string(directory.join("config.toml")).expect("the configuration");
    assert!(!config.contains("token-of-one"), "{config}");

    stdout(&at_home(&home, &["account", "list"], None));
    assert_eq!(server.take().header("authorization"), Some("Bearer token-of-one"));
    let elsewhere = failure(&at_home(&home, &["account", "list", "--gateway", &address], None));
    assert!(elsewhere.contains("no admin token"), "{elsewhere}");

    stdout(&at_home(&home, &["profile", "use", "two"], None));
    let listed = stdout(&at_home(&home, &["profile", "list", "--json"], None));
    let listed: Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!((&listed["items"][1]["profile"], &listed["items"][1]["default"]), (&json!("two"), &json!("yes")));
    stdout(&at_home(&home, &["account", "list", "--profile", "one"], None));
    assert_eq!(server.take().header("authorization"), Some("Bearer token-of-one"));
    let unknown = failure(&at_home(&home, &["account", "list", "--profile", "three"], None));
    assert!(unknown.contains("there is no profile `three`"), "{unknown}");
    stdout(&at_home(&home, &["profile", "remove", "two"], None));
    assert!(!directory.join("two.token").exists());
}

#[test]
fn a_credential_goes_from_its_file_into_the_signature() {
    let server = Server::start(|received| match received.target.as_str() {
        "/_farebox/admin/v1/accounts" => Reply::json(201, json!({"id": "acc_1", "name": "Bob", "status": "active"})),
        "/_farebox/admin/v1/accounts/acc_1/balance" => Reply::json(200, json!({"balance": "0.00", "currency": "EUR"})),
        "/_farebox/admin/v1/accounts/acc_1/recharges" => Reply::json(201, json!({"entry": 2, "balance": "10.00"})),
        "/_farebox/admin/v1/accounts/acc_1/credentials" => {
            Reply::json(201, json!({"key": "appKey", "secret": "appSecret", "app_code": "code-1"}))
        }
        _ => Reply::json(200, json!({"called": true})),
    });
    let (home, address) = (home(), server.address());
    fs::write(home.path().join("token"), "token-1\n").expect("written");
    let create = ["account", "create", "Bob", "--recharge", "10.00", "--credential-file", "bob.json"];
    let create = [&create[..], &["--gateway", &address, "--token-file", "token"]].concat();
    let made = stdout(&at_home(&home, &create, None));
    assert!(made.contains("acc_1") && made.contains("10.00") && !made.contains("appSecret"), "{made}");
    assert!(is_private(&home.path().join("bob.json")));
    let recharge =
        [server.take(), server.take(), server.take(), server.take()].into_iter().nth(2).expect("the recharge");
    assert_eq!(recharge.json(), json!({"amount": "10.00", "currency": "EUR"}));
    let again = failure(&at_home(&home, &create, None));
    assert_eq!(again, "farebox: bob.json is there already, and nothing was done\n");

    let call = ["call", "--gateway", &address, "--credential-file", "bob.json", "/v1/echo"];
    assert_eq!(stdout(&at_home(&home, &call, None)), "{\"called\":true}");
    assert_eq!(crate::verify(&server.take()), Ok(true));
}

#[test]
fn another_catalog_is_sent_page_by_page_and_its_rows_are_added_up() {
    let row = |account: &str, before: &str, after: &str, difference: &str| {
        json!({"account": account, "product": "maps", "calls": 1_000, "before": before, "after": after,
            "difference": difference, "unsold": {"calls": 3}, "kept": ["maps-old"]})
    };
    let server = Server::start(move |received| {
        if received.target.contains("cursor=p2") {
            return Reply::json(200, json!({"items": [row("acc_2", "1.00", "0.50", "-0.50")]}));
        }
        Reply::json(200, json!({"items": [row("acc_1", "2.00", "2.25", "0.25")], "cursor": "p2"}))
    });
    let home = home();
    fs::write(home.path().join("new.toml"), "[provider]\n").expect("written");
    fs::write(home.path().join("token"), "token-1").expect("written");
    let address = server.address();
    let reprice = ["reprice", "--catalog", "new.toml", "--from", "2026-10-01T00:00:00Z", "--gateway", &address];
    let shown = at_home(&home, &[&reprice[..], &["--token-file", "token"]].concat(), None);
    let (text, aside) = (stdout(&shown), String::from_utf8_lossy(&shown.stderr).into_owned());
    assert!(
        text.ends_with("PRODUCT  CALLS  BEFORE  AFTER  DIFFERENCE\nmaps      2000    3.00   2.75       -0.25\n"),
        "{text}"
    );
    assert_eq!(aside, "maps-old of maps is priced as it was sold: the other catalog has nothing in its place\n");
    let (first, second) = (server.take(), server.take());
    assert_eq!(first.target, "/_farebox/admin/v1/repricings?from=2026-10-01T00%3A00%3A00Z");
    assert_eq!((first.method.as_str(), first.body), ("POST", second.body));
}

#[test]
fn every_shell_gets_its_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = stdout(&at_home(&home(), &["completions", shell], None));
        assert!(script.contains("reprice") && script.contains("dead-letters"), "{shell}");
    }
}
