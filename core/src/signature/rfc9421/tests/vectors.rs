//! The RFC's own examples. A base that is not the RFC's would be wrong on both sides alike, and no other test would see it.

use super::*;

/// The request of appendix B.2.
const REQUEST: &str = "POST\nhttps://example.com/foo?param=Value&Pet=dog\nhost: example.com\n\
    date: Tue, 20 Apr 2021 02:07:55 GMT\ncontent-type: application/json\n\
    content-digest: sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:\n\
    content-length: 18";

fn base(request: &str, input: &str) -> Result<String, String> {
    let packed = format!("{request}\nsignature-input: s={input}\nsignature: s=::");
    base_of(&Facts::unpack(&packed).expect("a packed request"))
}

/// The value of each component of `request`, one after the other.
fn values(request: &str, components: &str) -> Vec<String> {
    let base = base(request, &format!("({components});keyid=\"k\"")).expect("a base");
    let lines = base.split('\n').filter(|line| !line.starts_with("\"@signature-params"));
    lines.map(|line| line.split_once("\": ").expect("a line").1.to_owned()).collect()
}

#[test]
fn the_vector_of_appendix_b_2_5_verifies() {
    let input = r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#;
    let base = base(REQUEST, input).unwrap();
    let expected = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\"content-type\": application/json\n\
        \"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"";
    assert_eq!(base, expected);
    let key = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
    let signature = hmac_sha256(&STANDARD.decode(key).unwrap(), base.as_bytes());
    assert_eq!(STANDARD.encode(signature), "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=");
}

#[test]
fn the_digest_of_appendix_b_is_that_of_its_body() {
    let request = signed(REQUEST, &format!("(\"content-digest\"){GOOD}"));
    let demands = Demands { components: &[], strict: false };
    assert_eq!(check_at(&request, Body::Read(b"{\"hello\": \"world\"}"), demands, NOW), Ok(None));
    let other = check_at(&request, Body::Read(b"{\"hello\": \"World\"}"), demands, NOW);
    assert_eq!(other, Err(Rejection::DigestMismatch));
}

#[test]
fn derived_components_are_those_of_section_2_2() {
    let request = "GET\nhttps://www.Example.com:443/path?param=value&foo=bar&baz=batman&qux=\naccept: */*";
    let all = r#""@method" "@target-uri" "@authority" "@scheme" "@request-target" "@path" "@query""#;
    let target = "/path?param=value&foo=bar&baz=batman&qux=";
    let expected = [
        "GET",
        "https://www.example.com/path?param=value&foo=bar&baz=batman&qux=",
        "www.example.com",
        "https",
        target,
        "/path",
        "?param=value&foo=bar&baz=batman&qux=",
    ];
    assert_eq!(values(request, all), expected);
    assert_eq!(
        values("GET\nhttp://h:8080?", r#""@path" "@query" "@target-uri" "@authority""#),
        ["/", "?", "http://h:8080/?", "h:8080"]
    );
    assert_eq!(values("GET\nhttp://h", r#""@query" "@target-uri" "@request-target""#), ["?", "http://h/", "/"]);
}

#[test]
fn query_parameters_are_those_of_section_2_2_8() {
    let request = "GET\nhttps://h/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace\
        &fa%C3%A7ade%22%3A%20=something&qux=";
    let params = r#""@query-param";name="var" "@query-param";name="bar" "@query-param";name="fa%C3%A7ade%22%3A%20" "@query-param";name="qux""#;
    let expected = ["this%20is%20a%20big%0Amultiline%20value", "with%20plus%20whitespace", "something", ""];
    assert_eq!(values(request, params), expected);
}

#[test]
fn fields_are_those_of_section_2_1() {
    let request = "GET\nhttps://h/\nx-ows: Leading and trailing whitespace.   \nx-twice: one\nx-twice:   two\nx-empty: \n\
        example-dict:  a=1,    b=2;x=1;y=2,   c=(a   b   c), d\n\
        example-header: value, with, lots\nexample-header: of, commas\ncontent-digest: sha-256=:AA==:,sha-256=:AQ==:";
    let one = |component: &str, expected: &str| {
        let base = base(request, &format!("({component});keyid=\"k\"")).expect(component);
        assert_eq!(base.split('\n').next(), Some(format!("{component}: {expected}").as_str()));
    };
    one("\"x-ows\"", "Leading and trailing whitespace.");
    one("\"x-twice\"", "one, two");
    one("\"x-empty\"", "");
    one("\"example-dict\"", "a=1,    b=2;x=1;y=2,   c=(a   b   c), d");
    one("\"example-dict\";sf", "a=1, b=2;x=1;y=2, c=(a b c), d");
    one("\"example-dict\";key=\"a\"", "1");
    one("\"example-dict\";key=\"b\"", "2;x=1;y=2");
    one("\"example-dict\";key=\"c\"", "(a b c)");
    one("\"example-dict\";key=\"d\"", "?1");
    one("\"example-header\"", "value, with, lots, of, commas");
    one("\"example-header\";bs", ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:");
    one("\"example-header\";sf", "value, with, lots, of, commas");
    one("\"content-digest\";sf", "sha-256=:AQ==:");
}
