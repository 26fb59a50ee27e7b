//! What a token and a key must be, and that tokens of npm's `jose` are verified.
//!
//! Broken on purpose, each seen to fail here: an end, an audience or an issuer that is not looked at; an extension that is passed over.

use serde_json::{Value, json};

use super::*;

/// A JWK set and tokens by its keys, as npm's `jose` made them.
const JOSE: &str = include_str!("jose.json");

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn issuer() -> TokenIssuer {
    let [issuer, audience, jwks, claim] =
        ["https://id.example", "api", "https://id.example/keys", "sub"].map(str::to_owned);
    TokenIssuer { issuer, audience, jwks, claim }
}

fn jose() -> (Keys, Vec<String>) {
    let made: Value = serde_json::from_str(JOSE).unwrap();
    let tokens = made["tokens"].as_object().unwrap().values().map(|token| token.as_str().unwrap().to_owned());
    (Keys::read(&made["jwks"].to_string()).unwrap(), tokens.collect())
}

fn token(header: &Value, claims: &Value) -> String {
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode([1; 64]))
}

fn claims(change: Value) -> Value {
    let mut claims = json!({ "iss": "https://id.example", "aud": "api", "sub": "ak_1", "exp": 1_800_000_060 });
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn checked(change: Value) -> Result<Claimed, Refused> {
    Token::read(&token(&json!({ "alg": "ES256" }), &claims(change)))?.check(&issuer(), NOW)
}

#[test]
fn tokens_that_npm_jose_made_are_verified_and_changed_ones_are_not() {
    let (keys, tokens) = jose();
    assert_eq!(tokens.len(), 3);
    for text in tokens {
        let read = Token::read(&text).unwrap();
        let claimed = read.check(&issuer(), NOW).unwrap();
        assert_eq!(claimed.credential.as_str(), "ak_1");
        let key = keys.of(&read).unwrap();
        assert!(key.verifies(read.signed.as_bytes(), &read.signature), "{:?}", read.algorithm);
        let reread = Keys::read(&format!("{{\"keys\":[{}]}}", key.jwk())).unwrap();
        let unnamed = Token { key: None, ..read.clone() };
        assert_eq!(reread.of(&unnamed), Ok(key), "the key that an engine is given is the issuer's");
        for at in [0, read.signed.len() / 2, read.signed.len() - 1] {
            let mut changed = read.signed.as_bytes().to_vec();
            changed[at] ^= 1;
            assert!(!key.verifies(&changed, &read.signature), "{:?} at {at}", read.algorithm);
        }
        for at in 0..read.signature.len() {
            let mut changed = read.signature.clone();
            changed[at] ^= 1;
            assert!(!key.verifies(read.signed.as_bytes(), &changed), "{:?} at {at}", read.algorithm);
        }
        assert!(!key.verifies(read.signed.as_bytes(), &[]), "{:?}", read.algorithm);
    }
}

#[test]
fn a_public_key_is_no_secret_and_no_key_of_another_algorithm() {
    let (keys, _) = jose();
    let named = |alg: &str, kid: &str| {
        Token::read(&token(&json!({ "alg": alg, "kid": kid }), &claims(json!({})))).map(|token| token.algorithm)
    };
    for alg in ["none", "None", "HS256", "HS512", "RS384", "PS256", "ES384", "ES256K", "dir", ""] {
        assert_eq!(named(alg, "rsa"), Err(Refused::Algorithm), "{alg}");
    }
    for (alg, kid, fits) in [
        ("RS256", "rsa", true),
        ("ES256", "ec", true),
        ("EdDSA", "ed", true),
        ("Ed25519", "ed", true),
        ("RS256", "ec", false),
        ("ES256", "rsa", false),
        ("EdDSA", "ec", false),
        ("ES256", "EC", false),
        ("ES256", "", false),
    ] {
        let text = token(&json!({ "alg": alg, "kid": kid }), &claims(json!({})));
        assert_eq!(keys.of(&Token::read(&text).unwrap()).is_ok(), fits, "{alg} {kid}");
    }
}

#[test]
fn a_token_is_good_for_whom_it_says_as_long_as_it_says() {
    let good = checked(json!({})).unwrap();
    assert_eq!((good.credential.as_str(), good.until), ("ak_1", NOW.plus(2 * MINUTE)));
    for change in [
        json!({ "aud": ["other", "api"] }),
        json!({ "nbf": 1_800_000_060 }),
        json!({ "exp": 1_799_999_941 }),
        json!({ "exp": 1_800_000_060.5 }),
        json!({ "exp": 9e15, "nbf": 0 }),
    ] {
        assert!(checked(change.clone()).is_ok(), "{change}");
    }
    for (change, refused) in [
        (json!({ "iss": null }), Refused::Issuer),
        (json!({ "iss": "https://id.example/" }), Refused::Issuer),
        (json!({ "iss": ["https://id.example"] }), Refused::Issuer),
        (json!({ "aud": null }), Refused::Audience),
        (json!({ "aud": "api2" }), Refused::Audience),
        (json!({ "aud": ["ap", "i"] }), Refused::Audience),
        (json!({ "aud": { "api": 1 } }), Refused::Audience),
        (json!({ "exp": null }), Refused::Endless),
        (json!({ "exp": "1800000060" }), Refused::Form),
        (json!({ "exp": 1_799_999_940 }), Refused::Expired),
        (json!({ "exp": -1 }), Refused::Expired),
        (json!({ "nbf": 1_800_000_061 }), Refused::Early),
        (json!({ "nbf": true }), Refused::Form),
        (json!({ "sub": null }), Refused::Nobody),
        (json!({ "sub": "" }), Refused::Nobody),
        (json!({ "sub": 1 }), Refused::Nobody),
        (json!({ "sub": "a key" }), Refused::Nobody),
    ] {
        assert_eq!(checked(change.clone()), Err(refused), "{change}");
    }
}

#[test]
fn what_is_no_token_of_ours_is_refused_for_its_form() {
    let header = json!({ "alg": "ES256" });
    let good = token(&header, &claims(json!({})));
    assert!(is_of_form(&good) && Token::read(&good).is_ok());
    let text = |part: &str| URL_SAFE_NO_PAD.encode(part);
    let of = |header: &str, claims: &str| format!("{}.{}.AAAA", text(header), text(claims));
    for wrong in [
        String::new(),
        "..".to_owned(),
        "eyJ.eyJ.x".to_owned(),
        format!("{good}="),
        good.replacen('.', "", 1),
        of("{\"alg\":\"ES256\"}", "[]"),
        of("{\"alg\":\"ES256\"}", "{"),
        of("{}", "{}"),
        of("{\"alg\":\"ES256\",\"kid\":1}", "{}"),
        format!("{}.{}.AAAA", text("{\"alg\":\"ES256\"}"), text(&" ".repeat(LONGEST))),
    ] {
        assert_eq!(Token::read(&wrong).map(|_| ()), Err(Refused::Form), "{wrong:.60}");
    }
    let twice = of("{\"alg\":\"ES256\",\"alg\":\"none\"}", "{}");
    assert_eq!(Token::read(&twice).map(|_| ()), Err(Refused::Algorithm), "the last of one name counts");
    let critical = token(&json!({ "alg": "ES256", "crit": ["b64"], "b64": false }), &claims(json!({})));
    assert_eq!(Token::read(&critical).map(|_| ()), Err(Refused::Critical));
    for none in ["", "fb_live_0123", "eyJ", "eyJ.x", "eyJ.x.y.z", "eyJ.x.y.z.a", "x.y.z"] {
        assert!(!is_of_form(none), "{none}");
    }
}

#[test]
fn keys_that_are_weak_secret_or_for_something_else_are_none() {
    let made: Value = serde_json::from_str(JOSE).unwrap();
    let [rsa, ec, ed] = [0, 1, 2].map(|at| made["jwks"]["keys"][at].clone());
    let count = |keys: &[Value]| Keys::read(&json!({ "keys": keys }).to_string()).unwrap().0.len();
    assert_eq!(count(&[rsa.clone(), ec.clone(), ed.clone()]), 3);
    let with = |key: &Value, name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    for none in [
        with(&rsa, "use", json!("enc")),
        with(&rsa, "alg", json!("PS256")),
        with(&rsa, "alg", json!("HS256")),
        with(&rsa, "n", json!(URL_SAFE_NO_PAD.encode([255; 255]))),
        with(&rsa, "n", json!(URL_SAFE_NO_PAD.encode([255; 1_025]))),
        with(&rsa, "n", json!("!")),
        with(&rsa, "e", json!("")),
        with(&rsa, "d", json!("AAAA")),
        with(&ec, "crv", json!("P-384")),
        with(&ec, "x", json!("AAAA")),
        with(&ec, "y", Value::Null),
        with(&ed, "crv", json!("X25519")),
        with(&ed, "kty", json!("oct")),
        json!({ "kty": "oct", "k": "AAAA", "alg": "HS256" }),
        json!({}),
    ] {
        assert_eq!(count(std::slice::from_ref(&none)), 0, "{none}");
    }
    assert_eq!(count(&vec![ec.clone(); 100]), 32);
    for wrong in ["", "[]", "{}", "{\"keys\":{}}", &format!("{{\"keys\":[]}}{}", " ".repeat(64 << 10))] {
        assert!(Keys::read(wrong).is_err(), "{wrong:.20}");
    }
    let unnamed = token(&json!({ "alg": "ES256" }), &claims(json!({})));
    let unnamed = Token::read(&unnamed).unwrap();
    let keys = |keys: &[&Value]| Keys::read(&json!({ "keys": keys }).to_string()).unwrap();
    assert!(keys(&[&rsa, &ec]).of(&unnamed).is_ok(), "the only one of its algorithm");
    assert_eq!(keys(&[&ec, &ec]).of(&unnamed), Err(Refused::Key), "one of two");
}
