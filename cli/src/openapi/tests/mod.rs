//! What becomes of each kind of document that was once read wrong; and, in `any`, of any document at all.
//!
//! The rule behind all of them: what comes out is a catalog, and each operation is sold at its own address or named.

mod any;
mod security;

use std::collections::BTreeSet;

use anyhow::anyhow;
use farebox_core::catalog::compile;
use url::Url;

use super::{Api, Kind, Source};
use crate::draft::Draft;

/// A document with one server and these paths, in YAML.
fn document(paths: &str) -> String {
    format!("openapi: 3.1.0\ninfo: {{title: T}}\nservers: [{{url: 'https://api.example/v1'}}]\npaths:\n{paths}")
}

fn with(text: &str, upstream: Option<&str>) -> anyhow::Result<Api> {
    let upstream = upstream.map(|upstream| Url::parse(upstream).expect("an address"));
    let api = Api::read(&Source::from_text(text), upstream.as_ref())?;
    let draft = Draft { schema: "s", provider: "P", currency: "USD".parse()?, price: "1".parse()? };
    let text = draft.text(&api);
    compile(&text).map_err(|problems| anyhow!("{problems:?}\n{text}"))?;
    Ok(api)
}

fn read(text: &str) -> Api {
    with(text, None).expect(text)
}

/// The routes of all products: `GET POST /a`, with the address before it where there are more products than one.
fn routes(api: &Api) -> Vec<String> {
    let mut all = Vec::new();
    for product in &api.products {
        for route in &product.routes {
            let address = if api.products.len() > 1 { format!("{} ", product.upstream) } else { String::new() };
            let methods = if route.methods.is_empty() { "*".to_owned() } else { route.methods.join(" ") };
            all.push(format!("{address}{methods} {}", route.path));
        }
    }
    all
}

fn named(api: &Api) -> Vec<String> {
    api.named.iter().map(ToString::to_string).collect()
}

/// The routes of a document with these paths; nothing of it is named.
fn silent(paths: &str) -> Vec<String> {
    let api = read(&document(paths));
    assert_eq!(named(&api), [""; 0], "{paths}");
    routes(&api)
}

/// The routes of a document with these paths, and the one thing that is named.
fn loud(paths: &str) -> (Vec<String>, String) {
    let api = read(&document(paths));
    assert_eq!(named(&api).len(), 1, "{:?}", named(&api));
    (routes(&api), named(&api).remove(0))
}

#[test]
fn paths_become_routes_and_the_first_server_the_upstream() {
    let text = r##"{"openapi": "3.1.0", "info": {"title": "Cat\n Facts"}, "servers": [{"url": "/v1"},
        {"url": "https://{region}.cats.example/v2/", "variables": {"region": {"default": "eu"}}}],
        "paths": {"/facts/{fact-id}": {"get": {}, "delete": {}, "parameters": []}, "/caf\u00e9": {"post": {}},
        "/nothing": {"summary": "no method"}}}"##;
    let api = read(text);
    let product = &api.products[0];
    assert_eq!((product.title.as_str(), product.id.as_str()), ("Cat Facts", "cat-facts"));
    assert_eq!(product.upstream, "https://eu.cats.example/v2");
    assert_eq!(routes(&api), ["POST /caf%C3%A9", "GET DELETE /facts/{fact_id}"]);
    assert_eq!(named(&api), ["note: of the servers https://{region}.cats.example/v2/ is taken, not /v1"]);
}

#[test]
fn each_address_is_a_product_and_none_is_ignored() {
    let paths = "  /a: {get: {}}\n  /upload:\n    post: {servers: [{url: 'https://upload.example'}]}\n    get: {}\n  /pay:\n    \
        servers: [{url: 'http://pay.example/v2'}, {url: 'https://pay.example/v2'}]\n    get: {}\n    \
        put: {servers: []}\n    post: {servers: [{url: 'https://api.example/v1/'}]}\n";
    let api = read(&document(paths));
    let expected = [
        "https://api.example/v1 GET /a",
        "https://api.example/v1 POST /pay",
        "https://api.example/v1 GET /upload",
        "https://upload.example POST /upload",
        "https://pay.example/v2 GET PUT /pay",
    ];
    assert_eq!(routes(&api), expected);
    let told: Vec<_> = api.products.iter().map(|product| (product.id.as_str(), product.title.as_str())).collect();
    let upload = ("t-upload-example", "T (upload.example)");
    assert_eq!(told, [("t", "T"), upload, ("t-pay-example-v2", "T (pay.example/v2)")]);
}

#[test]
fn a_server_that_leaves_something_open_asks_for_an_upstream_and_takes_it() {
    let servers = [
        "[{url: 'https://{tenant}.api.example/v1'}]",
        "[{url: 'https://api.example/{stage}', variables: {stage: {}}}]",
        "[]",
        "~",
        "[{}]",
        "7",
    ];
    for servers in servers {
        let text = format!("openapi: 3.0.3\nservers: {servers}\npaths: {{/a: {{get: {{}}}}}}");
        let error = format!("{:#}", with(&text, None).expect_err(servers));
        assert!(error.contains("--upstream") && error.lines().count() == 1, "{error}");
        let api = with(&text, Some("https://acme.api.example/v1")).expect(servers);
        assert_eq!(api.products[0].upstream, "https://acme.api.example/v1");
    }
    let own = "  /a: {get: {}}\n  /b: {get: {servers: [{url: 'https://{tenant}.example'}]}}\n";
    let left = "left out: GET /b: it has no server in full (https://{tenant}.example: nobody declares {tenant})";
    assert_eq!(loud(own), (vec!["GET /a".to_owned()], left.to_owned()));
}

#[test]
fn a_relative_server_hangs_on_the_upstream_or_on_where_the_document_was() {
    let relative = |own: &str| {
        format!("openapi: 3.0.4\nservers: [{{url: /api/v3}}]\npaths: {{/a: {{get: {{{own}}}}}, /b: {{get: {{}}}}}}")
    };
    let upstream = |upstream: &str| with(&relative(""), Some(upstream)).expect(upstream);
    assert_eq!(upstream("https://petstore.example").products[0].upstream, "https://petstore.example/api/v3");
    let given = upstream("https://petstore.example/api/v3/");
    assert_eq!((given.products[0].upstream.as_str(), named(&given)), ("https://petstore.example/api/v3", vec![]));
    let other = upstream("https://in.example/v9");
    assert_eq!((other.products[0].upstream.as_str(), named(&other).len()), ("https://in.example/v9", 1));
    assert!(with(&relative(""), None).expect_err("no host").to_string().contains("only /api/v3"));
    let two = with(&relative("servers: [{url: /up}]"), Some("https://p.example")).expect("two");
    assert_eq!(routes(&two), ["https://p.example/api/v3 GET /b", "https://p.example/up GET /a"]);

    let mut source = Source::from_text(relative(""));
    source.location = Some(Url::parse("https://host.example/docs/openapi.json").expect("an address"));
    assert_eq!(Api::read(&source, None).expect("fetched").products[0].upstream, "https://host.example/api/v3");
    source.text = "openapi: 3.0.4\npaths: {/a: {get: {}}}".to_owned();
    let api = Api::read(&source, None).expect("fetched");
    assert_eq!((api.products[0].upstream.as_str(), api.named.len()), ("https://host.example", 1));
}

#[test]
fn a_path_that_a_whole_server_replaces_is_named() {
    let api = with(&document("  /a: {get: {}}\n"), Some("https://in.example")).expect("an API");
    let note = "note: --upstream stands for https://api.example/v1, path and all: give it as https://in.example/v1 if the API \
        is there";
    assert_eq!((api.products[0].upstream.as_str(), named(&api)), ("https://in.example", vec![note.to_owned()]));
}

#[test]
fn path_items_by_reference_are_read_or_named() {
    let items = "components: {pathItems: {b: {$ref: '#/components/pathItems/c~1d'}, c/d: {post: {}}, e: {$ref: \
        '#/components/pathItems/f'}, f: {$ref: '#/components/pathItems/e'}, unused: {get: {}}}}\n";
    let paths = "  /a: {get: {}, $ref: '#/components/pathItems/b'}\n  /c: {$ref: 'paths/c.yaml'}\n  /d: {$ref: '#/paths/~1a'}\n  \
        /e: {$ref: '#/components/pathItems/e'}\n  /f: {$ref: '#/nowhere'}\n  /g: {$ref: [x]}\n  /h: {get: {$ref: 'x.yaml'}}\n";
    let api = read(&(document(paths) + items));
    assert_eq!(routes(&api), ["GET POST /a", "GET POST /d"]);
    let expected = [
        "left out: /c: paths/c.yaml is another document, and this one came alone",
        "left out: /e: its reference #/components/pathItems/e leads back to itself",
        "left out: /f: there is nothing at #/nowhere",
        "left out: /g: its $ref is a list",
        "left out: GET /h: x.yaml is another document",
        "not read: path items to which no path refers: unused",
    ];
    let named = named(&api);
    for start in expected {
        assert_eq!(named.iter().filter(|line| line.starts_with(start)).count(), 1, "{start} {named:?}");
    }
}

#[test]
fn a_parameter_of_many_segments_is_the_rest_of_the_path() {
    for parameter in
        ["{path+}", "{+path}", "{path:.*}", "{path*}", "{*rest}", "{**rest}", "{path:path}", "{path=**}", "{p...}"]
    {
        assert_eq!(silent(&format!("  '/files/{parameter}': {{get: {{}}}}\n")), ["GET /files/{*rest}"], "{parameter}");
        for path in [format!("/v/{parameter}/end"), format!("/v/x{parameter}"), format!("/v/{parameter}.json")] {
            let (routes, named) = loud(&format!("  '{path}': {{get: {{}}}}\n"));
            assert_eq!(routes, ["GET /v/{*rest}"], "{path}");
            assert!(named.starts_with(&format!("wider: GET {path}: sold as /v/{{*rest}}, ")), "{named}");
        }
    }
    for parameter in ["{id:int}", "{id:\\d+}", "{id:[0-9a-f]{8}}", "{id:[^/]+}"] {
        let (routes, named) = loud(&format!("  '/v/{parameter}/end': {{get: {{}}}}\n"));
        assert_eq!((routes, named.contains("holds a parameter to no form")), (vec!["GET /v/{id}/end".into()], true));
    }
    for parameter in ["{id:.+}", "{id:[a-z/]+}", "{id:\\S+}", "{name=shelves/*}"] {
        let (routes, named) = loud(&format!("  '/v/{parameter}': {{get: {{}}}}\n"));
        assert_eq!((routes, named.starts_with("wider")), (vec!["GET /v/{*rest}".to_owned()], true), "{parameter}");
    }
    let reserved = "  '/v/{id}':\n    get: {parameters: [{in: path, name: id, allowReserved: true}]}\n";
    assert_eq!(silent(reserved), ["GET /v/{*rest}"]);
    assert_eq!(silent("  '/any/{proxy+}': {x-amazon-apigateway-any-method: {}}\n"), ["* /any/{*rest}"]);
    assert_eq!(silent("  /any: {get: {}, x-amazon-apigateway-any-method: {}}\n"), ["* /any"]);
}

#[test]
fn one_pattern_under_two_names_has_the_methods_of_both() {
    let paths = "  '/c/{id}': {get: {}}\n  '/c/{number}': {get: {}, put: {}, post: {}}\n  /c/%7Ed: {get: {}}\n  /c/~d: {put: {}}\n";
    assert_eq!(silent(paths), ["GET PUT POST /c/{id}", "GET PUT /c/~d"]);
    let twice = "  /a: {get: {}}\n  /a: {post: {}, post: {}}\n";
    assert_eq!(silent(twice), ["GET POST /a"]);
}

#[test]
fn two_addresses_cannot_share_a_pattern_and_a_method() {
    let own = |method: &str| format!("{{{method}: {{servers: [{{url: 'https://b.example'}}]}}}}");
    let paths = format!("  '/c/{{id}}': {{get: {{}}}}\n  '/c/{{n}}': {}\n", own("get"));
    let (sold, named) = loud(&paths);
    assert_eq!(sold, ["GET /c/{id}"]);
    assert!(named.starts_with("left out: GET /c/{n}: the gateway cannot tell its calls"), "{named}");
    let paths = format!("  '/c/{{id}}': {{get: {{}}}}\n  '/c/{{n}}': {}\n", own("put"));
    assert_eq!(silent(&paths), ["https://api.example/v1 GET /c/{id}", "https://b.example PUT /c/{n}"]);
    let any = "  /c: {x-amazon-apigateway-any-method: {}, get: {servers: [{url: 'https://b.example'}]}}\n";
    let rest = "https://api.example/v1 PUT POST DELETE OPTIONS HEAD PATCH QUERY /c";
    assert_eq!(silent(any), [rest, "https://b.example GET /c"]);
}

#[test]
fn extensions_among_the_paths_are_passed_over() {
    assert_eq!(silent("  x-root: /v1\n  x-meta: {get: {}}\n  X-Y: 7\n  /a: {get: {}, x-z: {}}\n"), ["GET /a"]);
}

#[test]
fn queries_and_fragments_in_a_path_are_named_as_wider() {
    let api = read(&document("  '/admin?action=list': {get: {}}\n  '/admin?action=drop': {get: {}, post: {}}\n"));
    assert_eq!(routes(&api), ["GET POST /admin"]);
    let wider =
        |methods: &str, path: &str| format!("wider: {methods} {path}: sold as /admin, for a route takes every query");
    assert_eq!(named(&api), [wider("GET", "/admin?action=list"), wider("GET, POST", "/admin?action=drop")]);
    for path in ["/a#b", "/a?", "/a{?page,size}", "/a{#x}"] {
        let (routes, named) = loud(&format!("  '{path}': {{get: {{}}}}\n"));
        assert_eq!((routes, named.starts_with("wider: GET /a")), (vec!["GET /a".to_owned()], true), "{path}");
    }
}

#[test]
fn methods_of_every_kind_are_sold_or_named() {
    let paths = "  /a: {post: {}, query: {}, additionalOperations: {COPY: {}, PURGE: {}, copy: {}, TRACE: {}, x-y: {}}}\n  \
        /b: {GET: {}, Post: {}, trace: {}, purge: {}, put: ~, patch: 7, summary: s, unknown: text}\n";
    let api = read(&document(paths));
    assert_eq!(routes(&api), ["POST QUERY COPY PURGE /a", "GET POST /b"]);
    let named = named(&api);
    for (start, count) in [("left out: copy /a", 1), ("left out: TRACE /a", 1), ("left out: TRACE /b", 1)] {
        assert_eq!(named.iter().filter(|line| line.starts_with(start)).count(), count, "{start} {named:?}");
    }
    for start in ["left out: purge /b", "left out: PUT /b: it is null", "left out: PATCH /b: it is a number"] {
        assert!(named.iter().any(|line| line.starts_with(start)), "{start} {named:?}");
    }
    assert_eq!(named.len(), 6, "{named:?}");
}

#[test]
fn what_calls_the_other_way_is_no_route_and_is_named() {
    let paths = "  /a: {post: {callbacks: {done: {'{$request.body#/url}': {post: {}}}}}}\n";
    let api = read(
        &(document(paths)
            + "webhooks: {paid: {post: {}}}\nx-webhooks: {old: {post: {}}}\nx-ms-paths: {/b?c: {get: {}}}\n"),
    );
    assert_eq!(routes(&api), ["POST /a"]);
    let text = named(&api).join("\n");
    for part in ["callbacks, which the API calls itself, of POST /a", "webhooks", "paid", "old", "/b?c"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn swagger_2_is_read() {
    let text = "swagger: '2.0'\ninfo: {title: Old}\nhost: api.example:8443\nbasePath: /v1/\nschemes: [http, https, wss]\npaths:\n  \
        /a/{id}: {get: {}, trace: {}}\n  /b: {post: {schemes: [http]}}\nsecurityDefinitions: {b: {type: basic}}\n";
    let api = read(text);
    let expected = ["https://api.example:8443/v1 GET /a/{id}", "http://api.example:8443/v1 POST /b"];
    assert_eq!(routes(&api), expected);
    assert!(named(&api).join("\n").contains("b (HTTP basic)"), "{:?}", named(&api));
    let upstream = |head: &str| {
        let text = format!("swagger: 2.0\n{head}paths: {{/a: {{get: {{}}}}}}");
        let api = with(&text, None).or_else(|_| with(&text, Some("https://given.example"))).expect(head);
        api.products[0].upstream.clone()
    };
    assert_eq!(upstream("host: api.example\n"), "https://api.example");
    assert_eq!(upstream("host: https://api.example/\nbasePath: v1\n"), "https://api.example/v1");
    assert_eq!(upstream("basePath: /v2\n"), "https://given.example/v2");
    assert_eq!(upstream("host: '{tenant}.example'\n"), "https://given.example");
    assert_eq!(upstream("x-ms-parameterized-host: {hostTemplate: '{a}.example'}\n"), "https://given.example");
}

#[test]
fn faults_elsewhere_in_a_document_refuse_nothing() {
    for text in [
        "openapi: 3.1\ninfo: ~\npaths: {/a: {get: {}}}\n",
        "openapi: 3.0.0\ninfo: {title: 7}\nservers: ~\npaths: {/a: {get: {}}, /b: ~, /c: {}, /d: {parameters: 7}}\n",
        "\u{feff}openapi: 3.0.0\ninfo: []\ntags: ~\ncomponents: 5\nwebhooks: []\nsecurity: {}\npaths: {/a: {get: {servers: 7}}}\n",
        "{openapi: 3.0.0, paths: {/a: {get: {}, servers: ~}}}",
        "{\"openapi\": 3.0, \"paths\": {\"/a\": {\"get\": {\"callbacks\": null, \"parameters\": [null, 7, {}]}}}}",
    ] {
        assert_eq!(routes(&with(text, Some("https://u.example")).expect(text)), ["GET /a"], "{text}");
    }
    let api = read(&document("  /a: {get: {}}\n  /b: [get]\n  c: {get: {}}\n  'https://x.example/d': {get: {}}\n"));
    assert_eq!(routes(&api), ["GET /a", "GET /c"]);
    let named = named(&api);
    assert_eq!(named.len(), 3, "{named:?}");
}

#[test]
fn a_path_that_no_route_can_say_is_widened_and_named() {
    let (sold, named) = loud("  '/a/{x}-{y}': {get: {}}\n  '/a/{z}': {put: {}}\n");
    assert_eq!(sold, ["GET PUT /a/{x}"]);
    assert_eq!(named, "wider: GET /a/{x}-{y}: sold as /a/{x}, for a route has one parameter between two slashes");
    let (sold, _) = loud("  '/a/get(from={x},to={y})': {get: {}}\n");
    assert_eq!(sold, ["GET /a/get(from={x})"]);
    assert_eq!(silent("  '/a/{x}.json': {get: {}}\n"), ["GET /a/{x}.json"]);
    assert_eq!(silent("  '/a \u{e9}\"^<': {get: {}}\n"), ["GET /a%20%C3%A9%22%5E%3C"]);
    let api = read(&document("  /ok: {get: {}}\n  /_farebox/x: {get: {}}\n  /a/../b: {get: {}}\n"));
    assert_eq!(routes(&api), ["GET /ok"]);
    assert_eq!(api.named.iter().filter(|named| named.kind == Kind::LeftOut).count(), 2, "{:?}", api.named);
}

#[test]
fn what_is_no_openapi_document_is_refused_in_one_line() {
    for text in [
        "",
        "{",
        "{}",
        "[]",
        "7",
        "a: [",
        "<html>\n</html>",
        "openapi: 2.0.0\ninfo: {}",
        "openapi: 4.0.0\ninfo: {}",
        "openapi: 3.0.0\ninfo: {}",
        "swaggerVersion: '1.2'",
        "asyncapi: 3.0.0",
        "{\"error\": {\"message\": \"not\\nfound\"}}",
        "openapi: 3.0.0\nservers: [{url: 'https://a.example'}]\npaths: {/a: {$ref: x.yaml}, /b: {trace: {}}}",
    ] {
        let error = format!("{:#}", with(text, None).expect_err(text));
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn titles_of_every_kind_become_ids_and_are_told_apart() {
    for title in
        ["", "\u{0}", "\u{202e}", "日本", "---", "a\nb", "\"", "x".repeat(500).as_str(), "é".repeat(500).as_str()]
    {
        let paths: String = (0..30)
            .map(|n| {
                format!("  /p{n}: {{get: {{servers: [{{url: 'https://h.example/{}/{n}'}}]}}}}\n", "long".repeat(60))
            })
            .collect();
        let text = document(&paths).replacen("{title: T}", &format!("{{title: {}}}", serde_json::json!(title)), 1);
        let api = read(&text);
        let titles: BTreeSet<&str> = api.products.iter().map(|product| product.title.as_str()).collect();
        assert_eq!((api.products.len(), titles.len()), (30, 30), "{title}");
    }
}

#[test]
fn what_is_printed_of_a_document_is_one_line_without_controls() {
    let text = document("  \"/a\\u001b[2J\\n?b\": {get: {}}\n  \"/\\u202e\\r\": {trace: {}}\n");
    for line in named(&read(&text)) {
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{202e}'), "{line:?}");
    }
}
