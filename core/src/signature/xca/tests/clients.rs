//! Where the public clients disagree, every side is taken.

use super::*;

/// A request and a string to sign that some client makes of it.
struct Case {
    client: &'static str,
    target: &'static str,
    form: &'static str,
    resource: &'static str,
}

const CASES: &[Case] = &[
    Case { client: "all: sorted, decoded", target: "/p?b=%26+%2B&a=%C3%A9", form: "", resource: "/p?a=é&b=& +" },
    Case { client: "all: query and form together", target: "/p?b=1", form: "c=3&a=2", resource: "/p?a=2&b=1&c=3" },
    Case { client: "all: a mark with nothing behind", target: "/p?", form: "", resource: "/p" },
    Case { client: "all: the equals signs of a value", target: "/p?a=b=c", form: "", resource: "/p?a=b=c" },
    Case { client: "documents: repeated, first value", target: "/p?a=2&a=1", form: "", resource: "/p?a=2" },
    Case { client: "Node: repeated, joined", target: "/p?a=2&a=1", form: "", resource: "/p?a=2,1" },
    Case { client: "Node: an array of empty values", target: "/p?a=&a=", form: "", resource: "/p?a=," },
    Case { client: "documents: empty, no equals sign", target: "/p?a=&b", form: "", resource: "/p?a&b" },
    Case { client: ".NET: empty, equals sign", target: "/p?a=&b=1", form: "", resource: "/p?a=&b=1" },
    Case { client: "Java, Python, Node: form wins", target: "/p?a=1", form: "a=2", resource: "/p?a=2" },
    Case { client: "Node: form wins, joined", target: "/p?a=1", form: "a=2&a=3", resource: "/p?a=2,3" },
    Case { client: "Higress: query wins", target: "/p?a=1&b=", form: "a=2", resource: "/p?a=1&b=" },
    Case { client: "older servers: query wins", target: "/p?a=1&b=", form: "a=2", resource: "/p?a=1&b" },
    Case { client: "Java: a blank value is empty", target: "/p?a=+", form: "", resource: "/p?a" },
    Case { client: "older Java: raw query", target: "/p?b=%C3%A9&a=x+y", form: "", resource: "/p?a=x+y&b=%C3%A9" },
    Case { client: "older Python: raw query, form", target: "/p?a=%41", form: "b=%41", resource: "/p?a=%41&b=A" },
    Case { client: "older Node: falsy values", target: "/p?a=0&b=false&c=1", form: "", resource: "/p?a&b&c=1" },
    Case { client: "some: the path decoded", target: "/caf%C3%A9?a=1", form: "", resource: "/café?a=1" },
    Case { client: "most: the path as sent", target: "/caf%C3%A9?a=1", form: "", resource: "/caf%C3%A9?a=1" },
    Case {
        client: "Java, Node: UTF-16 order",
        target: "/p?%EF%BC%81=1&%F0%9F%98%80=2",
        form: "",
        resource: "/p?😀=2&！=1",
    },
];

#[test]
fn each_clients_reading_of_the_parameters_is_taken() {
    for case in CASES {
        let content_type = if case.form.is_empty() { "" } else { "application/x-www-form-urlencoded; charset=UTF-8" };
        let text = format!("POST\n\n\n{content_type}\n\n{}", case.resource);
        let headers = format!("x-ca-key: appKey\ncontent-type: {content_type}");
        let packed = packed("POST", case.target, &headers, &text);
        assert!(passes(&packed, case.form.as_bytes()), "{}", case.client);
    }
}

#[test]
fn each_clients_order_and_case_of_signed_headers_is_taken() {
    let list = "X-Ca-Timestamp,X-Ca-Key,a-z";
    for (client, lines) in [
        ("documents: as listed", "X-Ca-Timestamp:1646646682418\nX-Ca-Key:appKey\na-z:1\n"),
        ("Java: sorted as written", "X-Ca-Key:appKey\nX-Ca-Timestamp:1646646682418\na-z:1\n"),
        ("Higress: sorted in lower case", "a-z:1\nx-ca-key:appKey\nx-ca-timestamp:1646646682418\n"),
    ] {
        let headers =
            format!("a-z: 1\nx-ca-key: appKey\nx-ca-timestamp: 1646646682418\nx-ca-signature-headers: {list}");
        let packed = packed("GET", "/p", &headers, &format!("GET\n\n\n\n\n{lines}/p"));
        assert!(passes(&packed, b""), "{client}");
    }
}

#[test]
fn a_browser_signs_a_multipart_form_without_the_boundary_it_will_have() {
    let list = "x-ca-key: appKey\nx-ca-signed-content-type: multipart/form-data";
    for (content_type, holds) in [("multipart/form-data; boundary=x", true), ("text/html", false)] {
        let headers = format!("{list}\ncontent-type: {content_type}");
        let packed = packed("POST", "/p", &headers, "POST\n\n\nmultipart/form-data\n\n/p");
        assert_eq!(passes(&packed, b"--x--"), holds, "{content_type}");
    }
}

#[test]
fn a_header_beyond_ascii_is_taken_as_text_and_as_bytes() {
    let text = "GET\n\n\n\n\nx-name:é\n/p";
    for (platform, seen) in [("as text", "é"), ("a character per byte", "Ã©")] {
        let headers = format!("x-ca-key: appKey\nx-name: {seen}\nx-ca-signature-headers: x-name");
        assert!(passes(&packed("GET", "/p", &headers, text), b""), "{platform}");
    }
}
