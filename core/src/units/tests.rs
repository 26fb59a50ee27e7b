//! An answer is read to the same number in whatever pieces it comes.

use proptest::prelude::*;

use super::*;

/// What a reader of these pointers says of an answer that comes in pieces of so many bytes.
fn read(pointers: &[(&str, u64)], framing: Framing, answer: &str, pieces: usize) -> Option<u64> {
    let pointers: Vec<_> = pointers.iter().map(|(pointer, weight)| ((*pointer).to_owned(), *weight)).collect();
    let mut reader = Reader::new(&pointers, framing);
    answer.as_bytes().chunks(pieces.max(1)).for_each(|piece| reader.read(piece));
    reader.units()
}

fn whole(pointer: &str, answer: &str) -> Option<u64> {
    read(&[(pointer, 1)], Framing::Documents, answer, usize::MAX)
}

#[test]
fn a_pointer_leads_to_one_number() {
    let answer = r#"{"id":"\"usage\":{","usage":{"total_tokens":42,"x":{"total_tokens":1}},"a":[{"n":1},{"n":7},[9]],"total_tokens":2}"#;
    for (pointer, units) in [
        ("/usage/total_tokens", Some(42)),
        ("/total_tokens", Some(2)),
        ("/a/1/n", Some(7)),
        ("/a/2/0", Some(9)),
        ("/a/3", None),
        ("/usage", None),
        ("/id", None),
        ("/usage/total", None),
        ("/x/total_tokens", None),
    ] {
        assert_eq!(whole(pointer, answer), units, "{pointer}");
    }
    assert_eq!(whole("/a~1b/~0", r#"{"a/b":{"~":3}}"#), Some(3));
    assert_eq!(whole("/caf\u{e9}", r#"{"caf\u00e9":3}"#), Some(3), "names are compared as what they spell");
}

#[test]
fn only_whole_numbers_count() {
    for (number, units) in
        [("0", Some(0)), ("12", Some(12)), ("12.0", Some(12)), ("18446744073709551615", Some(u64::MAX))]
    {
        assert_eq!(whole("/n", &format!("{{\"n\": {number} }}")), units, "{number}");
    }
    for number in ["-1", "1.5", "1e3", "18446744073709551616", "\"7\"", "null", "true", "[7]", "{\"n\":7}"] {
        assert_eq!(whole("/n", &format!("{{\"n\":{number}}}")), None, "{number}");
    }
    assert_eq!(whole("/n", "{\"n\":12"), None, "cut off: it may be 123");
    for (field, units) in
        [("7", Some(7)), (" 7 ", Some(7)), ("", None), ("-7", None), ("+7", None), ("7.5", None), ("7, 8", None)]
    {
        assert_eq!(said(field), units, "{field:?}");
    }
}

#[test]
fn the_last_of_several_documents_counts_and_what_is_no_json_does_not() {
    assert_eq!(whole("/n", "{\"n\":1}\n{\"n\":2}\n{\"m\":3}\n"), Some(2));
    assert_eq!(whole("/n", "{\"n\":1}}{\"n\":2}"), Some(1));
    assert_eq!(whole("/n", "no JSON {\"n\":2}"), None);
    let deep = format!("{}{{\"n\":1}}", "[".repeat(DEEPEST));
    assert_eq!(whole("/n", &deep), None);
}

#[test]
fn numbers_are_added_by_their_weights() {
    let answer = r#"{"usage":{"input":10,"output":3}}"#;
    let pointers = [("/usage/input", 1), ("/usage/output", 4), ("/usage/cached", 9)];
    assert_eq!(read(&pointers, Framing::Documents, answer, 1), Some(22));
    assert_eq!(read(&[("/usage/output", u64::MAX)], Framing::Documents, answer, 1), Some(u64::MAX), "no wrap");
}

const STREAM: &str = "event: message_start\r\ndata: {\"usage\":{\"total\":1}}\r\n\r\n: a comment {\"usage\":{\"total\":90}}\n\
                      id: 3\ndata:{\"text\":\"data: {\\\"usage\\\"\"}\n\ndata: broken\n\ndata: {\"usage\":\ndata: {\"total\":17}}\n\n\
                      data: [DONE]\n\n";

#[test]
fn the_last_event_that_says_units_counts() {
    let total = [("/usage/total", 1)];
    assert_eq!(read(&total, Framing::Events, STREAM, usize::MAX), Some(17));
    let middle = STREAM.find("data: broken").unwrap();
    assert_eq!(
        read(&total, Framing::Events, &STREAM[..middle], usize::MAX),
        Some(1),
        "of a stream that broke off, what it said"
    );
    assert_eq!(Framing::of("text/event-stream; charset=utf-8"), Framing::Events);
    assert_eq!(Framing::of("application/json"), Framing::Documents);
}

proptest! {
    #[test]
    fn how_an_answer_is_cut_does_not_matter(pieces in 1usize..40) {
        prop_assert_eq!(read(&[("/usage/total", 1)], Framing::Events, STREAM, pieces), Some(17));
    }

    #[test]
    fn no_answer_breaks_the_reader(answer in "(\\{|\\}|\\[|\\]|,|:|\"n\"|\"|\\\\|[0-9]|-|true|data: |\n|\r){0,60}", events: bool) {
        let framing = if events { Framing::Events } else { Framing::Documents };
        let one = read(&[("/n", 1), ("/n/0", 1)], framing, &answer, 1);
        prop_assert_eq!(read(&[("/n", 1), ("/n/0", 1)], framing, &answer, usize::MAX), one);
    }

    #[test]
    fn the_reader_finds_what_a_parser_finds(number: u64, text in "\\PC{0,20}", name in "[a-z\"\\\\/~]{1,8}", pieces in 1usize..9) {
        let answer = serde_json::json!({ "text": text, "in": { (name.clone()): number } }).to_string();
        let pointer = format!("/in/{}", name.replace('~', "~0").replace('/', "~1"));
        prop_assert_eq!(read(&[(&pointer, 1)], Framing::Documents, &answer, pieces), Some(number));
    }
}
