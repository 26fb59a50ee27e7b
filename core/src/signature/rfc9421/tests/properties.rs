//! What holds for every request.

use proptest::prelude::*;

use super::*;

/// A request to sign.
#[derive(Debug, Clone)]
struct Draft {
    method: &'static str,
    target: String,
    content_type: String,
    body: Vec<u8>,
    nonce: String,
}

fn drafts() -> impl Strategy<Value = Draft> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH"]);
    let target = "(/[a-zA-Z0-9._~!$&'()*+,;=:@%-]{0,6}){1,3}(\\?[!-~&&[^#]]{0,12})?";
    (method, target, "[!-~]([ -~]{0,8}[!-~])?", any::<Vec<u8>>(), "[ -~]{1,9}")
        .prop_map(|(method, target, content_type, body, nonce)| Draft { method, target, content_type, body, nonce })
}

impl Draft {
    fn signed(&self) -> String {
        let unsigned = format!("{}\nhttps://h{}\ncontent-type: {}", self.method, self.target, self.content_type);
        let signer = Signer { key: KEY, secret: &secret(), now: NOW, nonce: &self.nonce };
        let facts = Facts::unpack(&unsigned).expect("a packed request");
        let headers = sign(&facts, &self.body, &signer).headers;
        unsigned.clone() + &headers.iter().map(|(name, value)| format!("\n{name}: {value}")).collect::<String>()
    }

    fn check(&self, packed: &str) -> Result<Option<String>, Rejection> {
        check(packed, Body::Read(&self.body))
    }
}

proptest! {
    #[test]
    fn what_is_signed_verifies_under_every_demand(draft in drafts(), strict: bool) {
        let demands = Demands { components: &demanded(), strict };
        prop_assert_eq!(check_at(&draft.signed(), Body::Read(&draft.body), demands, NOW), Ok(Some(draft.nonce.clone())));
    }

    #[test]
    fn any_changed_byte_of_what_is_covered_is_refused(draft in drafts(), at: prop::sample::Index, step in 1u8..94) {
        let packed = draft.signed();
        let mut bytes = packed.clone().into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != b'\n' && bytes[at] != b' ');
        bytes[at] = b'!' + (bytes[at] - b'!' + step) % 94;
        let changed = String::from_utf8(bytes).expect("ASCII");
        // A change that makes no other request of it: the case of the host, the label, bits that base64 does not use.
        let meaning = |packed: &str| {
            let facts = Facts::unpack(packed)?;
            let headers: Vec<_> = facts.headers.iter().filter(|(name, _)| !name.starts_with("signature")).copied().collect();
            let Ok(Presented::Rfc9421(claim)) = present(&facts) else { return None };
            let text = format!("{} {} {:?} {:?} {:?}", facts.method, facts.path, facts.query, headers, claim);
            Some(facts.authority.to_ascii_lowercase() + &text)
        };
        prop_assume!(meaning(&changed).is_none_or(|meaning_of| Some(meaning_of) != meaning(&packed)));
        if Facts::unpack(&changed).is_some_and(|facts| matches!(present(&facts), Ok(Presented::Rfc9421(_)))) {
            prop_assert!(draft.check(&changed).is_err(), "{}\n{}", packed, changed);
        }
    }

    #[test]
    fn a_changed_body_is_refused(draft in drafts(), other in any::<Vec<u8>>()) {
        prop_assume!(draft.body != other && !draft.body.is_empty());
        prop_assert_eq!(check(&draft.signed(), Body::Read(&other)), Err(Rejection::DigestMismatch));
    }

    #[test]
    fn the_order_of_components_is_the_signers(order in Just(vec!["@method", "@authority", "@path", "@query", "accept"]).prop_shuffle()) {
        let names: Vec<_> = order.iter().map(|name| format!("\"{name}\"")).collect();
        let input = format!("({}){GOOD}", names.join(" "));
        let packed = signed("GET\nhttps://h/a?b=1\naccept: */*", &input);
        prop_assert_eq!(check(&packed, Body::Unread), Ok(None));
        let mut other = names.clone();
        other.rotate_left(1);
        let reordered = packed.replace(&names.join(" "), &other.join(" "));
        prop_assert!(check(&reordered, Body::Unread).is_err());
    }

    #[test]
    fn another_secret_is_refused(draft in drafts(), other in "[ -~]{0,20}") {
        prop_assume!(other != secret().reveal());
        let packed = draft.signed();
        let facts = Facts::unpack(&packed).expect("a packed request");
        let Ok(Presented::Rfc9421(claim)) = present(&facts) else { panic!("no claim") };
        let demands = Demands { components: &[], strict: false };
        let signature = claim.signed_with(KEY).expect("the signature");
        let checked = verify(signature, &facts, Body::Read(&draft.body), &Secret::new(other), demands, NOW);
        prop_assert!(matches!(checked, Err(Rejection::SignatureInvalid { .. })), "{checked:?}");
    }

    #[test]
    fn nothing_a_caller_sends_makes_it_panic(
        target in "\\PC{0,20}",
        input in "s=\\((\"(@method|@query|@query-param|@path|content-digest|x)\"(;(sf|bs|name=\"b\"|key=\"b\"|key=1))? ?){0,4}\\)(;(created|expires|keyid|nonce|alg|tag)=(-?[0-9]{1,15}|\"ak_1\"|\"hmac-sha256\"|x|@1)){0,5}|\\PC{0,40}",
        value in "s=:[A-Za-z0-9+/]{0,8}:|\\PC{0,20}",
        fields in prop::collection::vec(("content-digest|x|content-length", "sha-256=:AA==:|[0-9]{1,9}|\\PC{0,9}"), 0..4),
        body in any::<Vec<u8>>(),
        (read, strict) in any::<(bool, bool)>(),
        now in any::<i64>(),
    ) {
        let fields: String = fields.iter().map(|(name, value)| format!("\n{name}: {value}")).collect();
        let packed = format!("GET\nhttps://h/{target}\nsignature-input: {input};keyid=\"ak_1\"\nsignature: {value}{fields}");
        let body = if read { Body::Read(&body) } else { Body::Unread };
        if Facts::unpack(&packed).is_some_and(|facts| matches!(present(&facts), Ok(Presented::Rfc9421(_)))) {
            let _ = check_at(&packed, body, Demands { components: &demanded(), strict }, Timestamp::from_millis(now));
        }
    }
}
