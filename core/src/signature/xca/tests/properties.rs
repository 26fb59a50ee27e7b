//! What holds for every request.

use proptest::prelude::*;

use super::*;

/// A request to sign: method, path, query, form or other body, a header beside those of the scheme.
#[derive(Debug, Clone)]
struct Draft {
    method: &'static str,
    path: String,
    params: Vec<(String, String)>,
    header: String,
    content_type: &'static str,
    body: Vec<u8>,
}

fn drafts() -> impl Strategy<Value = Draft> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH"]);
    let content_type = prop::sample::select(vec!["application/x-www-form-urlencoded", "application/json"]);
    let param = ("[a-z]{1,3}|\\PC{0,4}", "\\PC{0,8}");
    (
        method,
        "(/[a-zA-Z0-9._~!$&'()*+,;=:@-]{0,6}){1,4}",
        prop::collection::vec(param, 0..5),
        "[!-~]{1,9}",
        content_type,
        ".{0,40}",
    )
        .prop_map(|(method, path, params, header, content_type, body)| Draft {
            method,
            path,
            params,
            header,
            content_type,
            body: body.into_bytes(),
        })
}

impl Draft {
    /// The request packed, without a signature.
    fn unsigned(&self) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.params);
        format!(
            "{}\nhttps://h{}?{}\naccept: */*\ncontent-type: {}\nx-ca-extra: {}",
            self.method,
            self.path,
            query.finish(),
            self.content_type,
            self.header
        )
    }

    /// The request packed and signed, with a digest where it has a body that is not a form.
    fn signed(&self) -> String {
        let unsigned = self.unsigned();
        let facts = Facts::unpack(&unsigned).expect("a packed request");
        let signer = Signer { key: "appKey", secret: &secret(), now: NOW, nonce: "n-1" };
        let signed = sign(&facts, &self.body, &signer);
        let added = signed.headers.iter().map(|(name, value)| format!("\n{name}: {value}"));
        unsigned.clone() + &added.collect::<String>()
    }
}

impl Draft {
    /// Whether no other parameters have the same string to sign.
    fn is_unlike_all_others(&self) -> bool {
        let form = if self.content_type == "application/json" { &[][..] } else { &self.body };
        let params = || {
            let query = self.params.iter().cloned();
            query.chain(url::form_urlencoded::parse(form).map(|(name, value)| (name.into_owned(), value.into_owned())))
        };
        let names: std::collections::BTreeSet<String> = params().map(|(name, _)| name).collect();
        names.len() == params().count()
            && params().all(|(name, value)| !name.contains(['&', '=', '#', ';']) && !value.contains('&'))
            && !names.iter().any(|name| name.contains(char::is_control))
            && percent_encoding::percent_decode(form).decode_utf8().is_ok()
    }
}

/// What the scheme protects of path, query and form: the path, and each parameter's first value.
fn meaning(packed: &str, body: &[u8]) -> (String, Vec<(String, String)>) {
    let facts = Facts::unpack(packed).expect("a packed request");
    let form = if facts.is_form() { body } else { &[] };
    let mut params: Vec<(String, String)> = Vec::new();
    let query = url::form_urlencoded::parse(facts.query.unwrap_or_default().as_bytes());
    for (name, value) in url::form_urlencoded::parse(form).chain(query) {
        if params.iter().all(|(have, _)| *have != name) {
            params.push((name.into_owned(), value.into_owned()));
        }
    }
    params.sort();
    (facts.path.to_owned(), params)
}

/// `text` with the byte at `index` replaced by the `step`th printable one after it.
fn with_changed_byte(text: &str, index: prop::sample::Index, step: u8) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let at = index.index(bytes.len());
    bytes[at] = b'!' + (bytes[at].wrapping_sub(b'!').wrapping_add(step)) % 94;
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    #[test]
    fn what_is_signed_verifies_in_every_profile(draft in drafts(), strict: bool) {
        let profile = Profile { sha1: false, strict };
        let packed = draft.signed();
        let checked = check(&packed, Body::Read(&draft.body), profile, NOW);
        if strict && !draft.is_unlike_all_others() {
            prop_assert!(matches!(checked, Err(Rejection::SignatureUnusable(_))), "{:?}", checked);
            return Ok(());
        }
        prop_assert_eq!(checked, Ok(Check::Passed(Verified { nonce: Some("n-1"), signed_at: Some(NOW) })));
    }

    #[test]
    fn a_changed_byte_of_path_or_query_is_refused(draft in drafts(), index: prop::sample::Index, step in 1u8..94) {
        let packed = draft.signed();
        let start = draft.method.len() + "\nhttps://h".len();
        let (before, rest) = packed.split_at(start);
        let (target, after) = rest.split_at(rest.find('\n').expect("headers"));
        let changed = format!("{before}{}{after}", with_changed_byte(target, index, step));
        prop_assume!(Facts::unpack(&changed).is_some_and(|facts| facts.authority == "h"));
        prop_assume!(meaning(&changed, &draft.body) != meaning(&packed, &draft.body));
        prop_assert!(!passes(&changed, &draft.body), "{changed}");
    }

    #[test]
    fn a_changed_byte_of_a_signed_header_is_refused(draft in drafts(), index: prop::sample::Index, step in 1u8..94) {
        let packed = draft.signed();
        let line = format!("x-ca-extra: {}", draft.header);
        let changed = format!("x-ca-extra: {}", with_changed_byte(&draft.header, index, step));
        prop_assert!(!passes(&packed.replace(&line, &changed), &draft.body));
    }

    #[test]
    fn a_changed_byte_of_the_body_is_refused(draft in drafts(), index: prop::sample::Index, step in 1u8..=255) {
        prop_assume!(!draft.body.is_empty());
        let packed = draft.signed();
        let mut changed = draft.body.clone();
        let at = index.index(changed.len());
        changed[at] = changed[at].wrapping_add(step);
        prop_assume!(meaning(&packed, &changed) != meaning(&packed, &draft.body)
            || draft.content_type == "application/json");
        prop_assert!(!passes(&packed, &changed));
    }

    #[test]
    fn another_secret_is_refused(draft in drafts(), other in "[ -~]{0,20}") {
        prop_assume!(other != secret().reveal());
        let packed = draft.signed();
        let facts = Facts::unpack(&packed).expect("a packed request");
        let Ok(Presented::XCa(claim)) = present(&facts) else { panic!("no claim") };
        let checked = verify(&claim, &facts, Body::Read(&draft.body), &Secret::new(other), Profile::default(), NOW);
        prop_assert!(matches!(checked, Err(Rejection::SignatureInvalid { .. })), "{checked:?}");
    }

    #[test]
    fn nothing_a_caller_sends_makes_it_panic(
        method in "\\PC{0,8}",
        target in "\\PC{0,30}",
        names in prop::collection::vec("x-ca-(key|signature|signature-headers|nonce|timestamp|signature-method)|content-(type|md5|length)|\\PC{0,8}", 0..9),
        values in prop::collection::vec("application/x-www-form-urlencoded|HmacSHA256|[0-9]{0,20}|\\PC{0,20}", 9),
        body in any::<Vec<u8>>(),
        (read, sha1, strict) in any::<(bool, bool, bool)>(),
        now in any::<i64>(),
    ) {
        let headers = names.iter().zip(&values).map(|(name, value)| format!("\n{name}: {value}"));
        let packed = format!("{method}\nhttps://h/{target}\nx-ca-key: k\nx-ca-signature: AA=={}", headers.collect::<String>());
        let body = if read { Body::Read(&body) } else { Body::Unread };
        if Facts::unpack(&packed).is_some() {
            let _ = check(&packed, body, Profile { sha1, strict }, Timestamp::from_millis(now));
        }
    }
}
