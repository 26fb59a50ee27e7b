//! The fuzz targets: what reads what strangers write, or what a store gives back, never panics, and what it reads means one thing.
//!
//! The tests run each for a moment. A million inputs per target:
//! `BOLERO_RANDOM_ITERATIONS=1000000 BOLERO_RANDOM_TEST_TIME_MS=3600000 cargo test --release --package farebox-fuzz`. A failure prints its
//! seed, and `BOLERO_RANDOM_SEED` has the same input again.

use base64::{Engine, engine::general_purpose::STANDARD};
use bolero::check;
use farebox_cli::openapi::{Api, Source};
use farebox_core::{
    catalog,
    credential::Secret,
    journal::{self, Batch},
    ledger::{Account, Entry},
    request::Facts,
    signature::{Body, Check, Presented, Profile, Signer, hmac_sha256, present, rfc9421, xca},
    time::Timestamp,
};
use farebox_fuzz::Changes;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// The head of a call, as the edge packs it.
const HEAD: &str = "POST +\nhttps://gateway.example/v1/Geo%20code/?b=2&a=1&a=&%3D=%26\nhost: gateway.example\naccept: */*\ncontent-type: \
                    application/x-www-form-urlencoded; charset=utf-8\ncontent-length: 7\nauthorization: Bearer fb_live_abc\nx-ca-stage: \
                    TEST\ncookie: a=b; c=d";

const BODY: &[u8] = b"a=1&b=2";

fn secret() -> Secret {
    Secret::new("not-a-secret-of-anybody".to_owned())
}

fn signer(secret: &Secret) -> Signer<'_> {
    Signer { key: "key", secret, now: NOW, nonce: "a-nonce-of-its-own" }
}

/// The head with the fields that a signature adds.
fn signed(sign: impl FnOnce(&Facts<'_>) -> Vec<(String, String)>) -> String {
    let facts = Facts::unpack(HEAD).expect("a head as the edge packs it");
    let fields = sign(&facts);
    fields.iter().fold(HEAD.to_owned(), |head, (name, value)| format!("{head}\n{name}: {value}"))
}

#[test]
fn facts_of_any_head_are_read_or_refused() {
    check!().with_type::<Changes>().for_each(|changes| {
        let head = changes.of_text(HEAD);
        let Some(facts) = Facts::unpack(&head) else { return };
        let _ = (facts.check_size(), facts.content_length(), facts.is_form(), present(&facts));
    });
}

#[test]
fn an_x_ca_signature_passes_only_over_what_was_signed() {
    let secret = secret();
    let head = signed(|facts| xca::sign(facts, BODY, &signer(&secret)).headers);
    check!().with_type::<(Changes, Changes, bool)>().for_each(|(of_head, of_body, strict)| {
        let (head, body) = (of_head.of_text(&head), of_body.of(BODY));
        let Some(facts) = Facts::unpack(&head) else { return };
        let Ok(Presented::XCa(claim)) = present(&facts) else { return };
        let profile = Profile { sha1: false, strict: *strict };
        let checked = xca::verify(&claim, &facts, Body::Read(&body), &secret, profile, NOW);
        if *strict && matches!(checked, Ok(Check::Passed(_))) {
            // A strict profile takes the documented form only, so the signature is over that, whatever was changed.
            let text = xca::string_to_sign(&facts, &body);
            assert_eq!(
                claim.signature,
                STANDARD.encode(hmac_sha256(secret.reveal().as_bytes(), text.as_bytes())),
                "{text}"
            );
        }
    });
}

#[test]
fn an_rfc_9421_signature_is_read_or_refused() {
    let secret = secret();
    let head = signed(|facts| rfc9421::sign(facts, BODY, &signer(&secret)).headers);
    check!().with_type::<(Changes, Changes, bool)>().for_each(|(of_head, of_body, strict)| {
        let (head, body) = (of_head.of_text(&head), of_body.of(BODY));
        let Some(facts) = Facts::unpack(&head) else { return };
        let Ok(Presented::Rfc9421(claim)) = present(&facts) else { return };
        let Ok(signatures) = claim.signatures() else { return };
        let demands = rfc9421::Demands { components: &[], strict: *strict };
        for signature in signatures {
            let passed = rfc9421::verify(signature, &facts, Body::Read(&body), &secret, demands, NOW);
            // A strict product has the digest covered, so not a byte of the body was changed.
            assert!(!*strict || passed.is_err() || body == BODY, "{head}");
        }
    });
}

#[test]
fn a_catalog_compiles_or_says_where_it_does_not() {
    let source = include_str!("../../xtask/demo/catalog.toml");
    assert!(catalog::compile(source).is_ok());
    check!().with_type::<Changes>().for_each(|changes| {
        let source = changes.of_text(source);
        if let Err(problems) = catalog::compile(&source) {
            assert!(!problems.is_empty(), "refused for no reason");
        }
    });
}

/// An entry of each event that there is, as stores have it, and those of a book from before.
fn entries() -> Vec<Vec<u8>> {
    let old = include_str!("../../core/tests/ledger/before_tills.hex").lines().map(bytes_of);
    let events = include_str!("../../core/tests/ledger/events.txt").lines().filter_map(|line| line.rsplit_once(' '));
    // Its number, when, no cause; the event; no postings, and two hashes.
    let new = events.map(|(_, hex)| bytes_of(&format!("0180a0bfc6b26800{hex}00{}", "00".repeat(64))));
    let all: Vec<_> = old.chain(new).collect();
    assert!(all.iter().all(|entry| Entry::from_bytes(entry).is_ok()), "a seed is no entry");
    all
}

#[test]
fn a_stored_entry_is_read_as_what_it_is_written_as() {
    let entries = entries();
    check!().with_type::<(u8, Changes)>().for_each(|(number, changes)| {
        let bytes = changes.of(&entries[usize::from(*number) % entries.len()]);
        let Ok(entry) = Entry::from_bytes(&bytes) else { return };
        assert_eq!(Entry::from_bytes(&entry.to_bytes()).as_ref(), Ok(&entry));
    });
}

#[test]
fn a_snapshot_is_read_as_what_it_is_written_as() {
    let mut account = Account::default();
    for bytes in include_str!("../../core/tests/ledger/before_tills.hex").lines().map(bytes_of) {
        let entry = Entry::from_bytes(&bytes).expect("an entry of a book");
        account.evolve(&entry);
    }
    let snapshot = account.to_snapshot();
    check!().with_type::<Changes>().for_each(|changes| {
        let Some(account) = Account::from_snapshot(&changes.of(&snapshot)) else { return };
        assert!(Account::from_snapshot(&account.to_snapshot()).is_some(), "it is written as what cannot be read");
    });
}

#[test]
fn a_batch_is_read_as_what_it_is_written_as() {
    let batch = bytes_of("00");
    check!().with_type::<(Vec<u8>, Changes)>().for_each(|(bytes, changes)| {
        for bytes in [changes.of(bytes), changes.of(&batch)] {
            let Ok(batch) = Batch::from_bytes(&bytes) else { continue };
            assert_eq!(Batch::from_bytes(&batch.to_bytes()).as_ref(), Ok(&batch));
        }
    });
}

#[test]
fn a_key_of_the_journal_names_one_batch() {
    let key = "usage/1/029000000/0123456789abcdef/00000007";
    assert!(journal::parse_key(key).is_ok(), "the seed is no key");
    check!().with_type::<Changes>().for_each(|changes| {
        let Ok((window, id)) = journal::parse_key(&changes.of_text(key)) else { return };
        assert_eq!(journal::parse_key(&journal::key(window, &id)), Ok((window, id)));
    });
}

#[test]
fn an_api_description_is_read_or_refused() {
    let description = include_str!("../../docs/openapi.md");
    let example = concat!(
        "openapi: 3.1.0\ninfo: {title: Weather, version: '1'}\nservers: [{url: 'https://api.example/v1'}]\npaths:\n  /places/{id}:\n    ",
        "get:\n      operationId: place\n      parameters: [{name: id, in: path, required: true, schema: {type: string}}]\n      security: ",
        "[{key: []}]\n      responses: {'200': {$ref: '#/components/responses/Place'}}\ncomponents:\n  responses: {Place: {description: ok}}\n",
        "  securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}\n"
    );
    assert!(Api::read(&Source::from_text(example), None).is_ok(), "the seed is no description");
    check!().with_type::<(bool, Changes)>().for_each(|(other, changes)| {
        let text = changes.of_text(if *other { description } else { example });
        let _ = Api::read(&Source::from_text(text), None);
    });
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits");
    (0..hex.len()).step_by(2).map(digits).collect()
}
