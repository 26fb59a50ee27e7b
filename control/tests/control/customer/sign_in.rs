//! Signing in and up: what proves an address does so once, in the browser that asked, and however many come there is one of each.
//!
//! Broken on purpose, each seen to fail here: a proof that is not used up; a guess that is not counted; a grant that is booked under
//! another key with each sign-up; a link to the host that the request names; a letter of the platform's service that is posted.

use farebox_control::{MailService, MailSettings};
use farebox_core::time::{DAY, HOUR, MINUTE, SECOND};
use farebox_ports::Host;
use serde_json::json;

use super::market::{Browser, HOST, Market, ORIGIN, Sent, sent};
use crate::admin::shop::code;

fn later(market: &Market, millis: i64) {
    market.shop.memory.set_now(market.shop.memory.now().plus(millis));
}

#[test]
fn whoever_proves_an_address_gets_an_account_and_its_grant() {
    let market = Market::open();
    let (browser, account) = market.sign_in("Ann@Example.com ");
    let me = market.get(&browser, "me").body;
    assert_eq!(me["person"]["email"], "ann@example.com");
    assert_eq!((&me["accounts"][0]["id"], &me["accounts"][0]["role"]), (&json!(account), &json!("owner")));
    let grants = market.get(&browser, &format!("accounts/{account}/grants")).body;
    assert_eq!((&grants["items"][0]["package"], &grants["items"][1]), (&json!("welcome"), &json!(null)));
    let (again, same) = market.sign_in("ann@example.com");
    assert_eq!(same, account);
    assert_eq!(market.get(&again, "me").body["accounts"].as_array().unwrap().len(), 1);
    assert_eq!(market.get(&browser, &format!("accounts/{account}/grants")).body["items"][1], json!(null));
}

#[test]
fn a_code_and_a_link_are_good_once_in_one_browser_for_a_quarter_of_an_hour() {
    let market = Market::open();
    for member in ["code", "token"] {
        let proof = |browser: &Browser| {
            let letter = market.ask(browser, "ann@example.com");
            if member == "code" { json!({ "code": letter.code }) } else { json!({ "token": letter.token("token") }) }
        };
        let (browser, other) = (Browser::default(), Browser::default());
        let good = proof(&browser);
        proof(&other);
        let refused = (401, "sign_in.refused");
        assert_eq!(code(&market.post(&Browser::default(), "sign-ins/finish", good.clone())), refused, "no browser");
        assert_eq!(code(&market.post(&other, "sign-ins/finish", good.clone())), refused, "another browser");
        let copy = browser.clone();
        assert_eq!(market.post(&browser, "sign-ins/finish", good.clone()).status, 200);
        assert_eq!(code(&market.post(&copy, "sign-ins/finish", good)), refused, "a second time");
        let late = proof(&browser);
        later(&market, 15 * MINUTE);
        assert_eq!(code(&market.post(&browser, "sign-ins/finish", late)), refused, "too late");
        later(&market, DAY);
    }
}

#[test]
fn a_letters_link_leads_to_the_gateway_whatever_host_was_asked() {
    let market = Market::open();
    let asked = Sent {
        host: Some("evil.example"),
        origin: Some("https://evil.example"),
        body: json!({ "email": "ann@example.com" }),
        ..Sent::default()
    };
    assert_eq!(market.send(&Browser::default(), "POST", "sign-ins", &asked).status, 202);
    let text = market.letters().pop().unwrap().text;
    assert!(text.contains(&format!("{ORIGIN}/_farebox/portal/")) && !text.contains("evil"), "{text}");
}

#[test]
fn a_letter_goes_out_by_the_platforms_own_service_where_the_deployment_says_so() {
    let mut market = Market::open();
    let (service, from) = ("cloudflare".to_owned(), "Acme <hello@acme.example>".to_owned());
    let settings = MailSettings { service, from, origin: ORIGIN.to_owned(), ..MailSettings::default() };
    market.shop.settings.mail = MailService::of(settings).unwrap();
    let asked = market.post(&Browser::default(), "sign-ins", json!({ "email": "ann@example.com" }));
    let ([from, to, _, text], []) = (market.shop.memory.mailed().remove(0), market.letters().as_slice()) else {
        panic!("it was posted to somebody else");
    };
    assert_eq!((asked.status, &*from, &*to), (202, "Acme <hello@acme.example>", "ann@example.com"));
    assert!(text.contains(ORIGIN), "{text}");
}

#[test]
fn the_sixth_guess_is_refused_though_it_be_right() {
    let market = Market::open();
    let browser = Browser::default();
    let letter = market.ask(&browser, "ann@example.com");
    let wrong = if letter.code == "000000" { "000001" } else { "000000" };
    for _ in 0..4 {
        let got = market.post(&browser, "sign-ins/finish", json!({ "code": wrong }));
        assert_eq!(code(&got), (401, "sign_in.refused"));
    }
    let fifth = browser.clone();
    assert_eq!(market.post(&fifth, "sign-ins/finish", json!({ "code": wrong })).status, 401);
    let got = market.post(&browser, "sign-ins/finish", json!({ "code": letter.code }));
    assert_eq!(code(&got), (401, "sign_in.refused"));
}

#[test]
fn guesses_that_come_at_once_are_counted_as_well() {
    let market = Market::open();
    for seed in 0..20 {
        let browser = Browser::default();
        let letter = market.ask(&browser, &format!("ann{seed}@example.com"));
        let cookie = format!("__Host-farebox-asked={}", browser.cookie("__Host-farebox-asked").unwrap());
        let bodies: Vec<Vec<u8>> = (0..40u32)
            .map(|guess| format!("{:06}", (letter.code.parse::<u32>().unwrap() + 1 + guess) % 1_000_000))
            .chain([letter.code.clone()])
            .map(|code| json!({ "code": code }).to_string().into_bytes())
            .collect();
        let said = sent(json!(null));
        let requests = bodies
            .iter()
            .map(|body| market.request("POST", "/_farebox/v1/sign-ins/finish", &said, (&cookie, None, body)))
            .collect();
        let answers = market.shop.at_once(seed, requests);
        let is_in = answers.iter().filter(|answer| answer.status == 200).count();
        assert!(is_in <= 1, "seed {seed}");
        let left = market.post(&browser, "sign-ins/finish", json!({ "code": letter.code }));
        assert_eq!(left.status, 401, "seed {seed}: of forty guesses five are heard");
    }
}

/// Two hundred ask for one address at once: five letters go out. All who have one finish at once, each forty times.
#[test]
fn two_hundred_sign_ups_of_one_address_make_one_person_one_account_and_one_grant() {
    for seed in 0..5 {
        let market = Market::open();
        let body = json!({ "email": "ann@example.com" }).to_string().into_bytes();
        let said = sent(json!(null));
        let ask = || market.request("POST", "/_farebox/v1/sign-ins", &said, ("", None, &body));
        let asked = market.shop.at_once(seed, (0..200).map(|_| ask()).collect());
        let cookies: Vec<String> = asked
            .iter()
            .filter(|answer| answer.status == 202)
            .flat_map(|answer| &answer.headers)
            .filter(|(name, _)| *name == "set-cookie")
            .map(|(_, value)| value.split(';').next().unwrap().to_owned())
            .collect();
        let letters = market.letters();
        assert_eq!((cookies.len(), letters.len()), (5, 5), "seed {seed}");
        assert_eq!(asked.iter().filter(|answer| answer.status == 429).count(), 195, "seed {seed}");
        // Which letter is whose nobody says: each browser tries each, and three of five guesses are enough for each.
        let bodies: Vec<Vec<u8>> =
            letters.iter().map(|letter| json!({ "token": letter.token("token") }).to_string().into_bytes()).collect();
        let mut requests = Vec::new();
        for _ in 0..8 {
            for cookie in &cookies {
                for body in &bodies {
                    requests.push(market.request("POST", "/_farebox/v1/sign-ins/finish", &said, (cookie, None, body)));
                }
            }
        }
        let answers = market.shop.at_once(seed, requests);
        assert!(answers.iter().any(|answer| answer.status == 200), "seed {seed}");
        let records = market.shop.memory.directory();
        let count = |prefix: &str| records.iter().filter(|(key, _)| key.starts_with(prefix)).count();
        assert_eq!((count("person/"), count("members/")), (1, 1), "seed {seed}");
        let accounts = market.shop.get("accounts").body["items"].as_array().unwrap().clone();
        assert_eq!(accounts.len(), 1, "seed {seed}");
        let account = accounts[0]["id"].as_str().unwrap();
        let grants = market.shop.get(&format!("accounts/{account}/grants")).body;
        assert_eq!(grants["items"].as_array().unwrap().len(), 1, "seed {seed}");
        let bought = market.shop.get(&format!("accounts/{account}/entries")).body["items"].as_array().unwrap().len();
        assert_eq!(bought, 2, "seed {seed}: the book is opened, and given one grant");
    }
}

#[test]
fn who_asks_is_answered_the_same_whether_or_not_the_address_is_known() {
    for mode in ["open", "invite", "closed"] {
        let market = Market::of_mode("open");
        market.sign_in("known@example.com");
        market.shop.put_catalog("", &super::market::catalog(mode));
        let mut answers = Vec::new();
        for email in ["known@example.com", "unknown@example.com"] {
            let got = market.post(&Browser::default(), "sign-ins", json!({ "email": email }));
            let letters = market.letters();
            assert_eq!((letters.len(), letters[0].to.as_str()), (1, email));
            answers.push((got, letters[0].text.len()));
        }
        assert_eq!(answers[0], answers[1], "{mode}");
    }
}

#[test]
fn nobody_new_comes_in_where_the_provider_lets_nobody_in() {
    for mode in ["invite", "closed"] {
        let market = Market::of_mode(mode);
        let browser = Browser::default();
        let letter = market.ask(&browser, "ann@example.com");
        let got = market.post(&browser, "sign-ins/finish", json!({ "code": letter.code }));
        assert_eq!(code(&got), (403, "sign_up.closed"), "{mode}");
        assert_eq!(code(&market.get(&browser, "me")), (401, "session.missing"), "{mode}");
        assert_eq!(market.shop.get("accounts").body["items"], json!([]), "{mode}");
    }
}

#[test]
fn letters_are_counted_by_address_and_by_source() {
    let market = Market::open();
    let ask = |email: &str, address: &'static str| {
        let said = Sent { address: Some(address), ..sent(json!({ "email": email })) };
        market.send(&Browser::default(), "POST", "sign-ins", &said)
    };
    for number in 0..60 {
        assert_eq!(ask(&format!("a{number}@example.com"), "2001:db8:1:2::1").status, 202, "{number}");
    }
    assert_eq!(code(&ask("b@example.com", "2001:db8:1:2:ffff::9")), (429, "sign_in.too_many"));
    assert_eq!(ask("b@example.com", "2001:db8:1:3::1").status, 202);
    later(&market, HOUR);
    for day in 0..4 {
        for _ in 0..5 {
            assert_eq!(ask("c@example.com", "192.0.2.1").status, 202, "{day}");
        }
        assert_eq!(ask("c@example.com", "192.0.2.2").status, 429);
        later(&market, 15 * MINUTE);
    }
    assert_eq!(ask("c@example.com", "192.0.2.3").status, 429, "twenty a day");
}

#[test]
fn a_session_rests_a_day_lasts_a_month_and_ends_everywhere_at_once() {
    let market = Market::open();
    let (browser, _) = market.sign_in("ann@example.com");
    for _ in 0..30 {
        assert_eq!(market.get(&browser, "me").status, 200);
        later(&market, 23 * HOUR);
    }
    // 30 x 23 hours are over; a month has 720.
    assert_eq!(market.get(&browser, "me").status, 200);
    later(&market, 23 * HOUR);
    assert_eq!(market.get(&browser, "me").status, 200);
    later(&market, 6 * HOUR + 59 * MINUTE);
    assert_eq!(market.get(&browser, "me").status, 200);
    later(&market, MINUTE);
    assert_eq!(market.get(&browser, "me").status, 401, "a month is over");
    let (one, _) = market.sign_in("ann@example.com");
    later(&market, DAY - SECOND);
    assert_eq!(market.get(&one, "me").status, 200);
    later(&market, DAY);
    assert_eq!(code(&market.get(&one, "me")), (401, "session.missing"), "a day is over");

    let [one, other] = [(); 2].map(|()| market.sign_in("ann@example.com").0);
    let copy = one.clone();
    assert_eq!(market.post(&one, "sign-out", json!({})).status, 204);
    assert_eq!((market.get(&copy, "me").status, market.get(&other, "me").status), (401, 200));
    let one = market.sign_in("ann@example.com").0;
    assert_eq!(market.post(&other, "sign-out", json!({ "everywhere": true })).status, 204);
    assert_eq!(market.get(&one, "me").status, 401);
    assert_eq!(market.get(&market.sign_in("ann@example.com").0, "me").status, 200);
}

#[test]
fn what_proves_who_somebody_is_is_in_no_store_no_log_and_no_answer() {
    let market = Market::open();
    let browser = Browser::default();
    let letter = market.ask(&browser, "ann@example.com");
    let asked = browser.cookie("__Host-farebox-asked").unwrap();
    let link = letter.token("token");
    let kept = |market: &Market| {
        let records = market.shop.memory.directory();
        records.into_iter().map(|(key, body)| format!("{key} {body}")).collect::<Vec<_>>().join("\n")
    };
    for hidden in [&asked, &link, &letter.code] {
        assert!(!kept(&market).contains(hidden.as_str()), "{hidden}");
    }
    market.post(&browser, "sign-ins/finish", json!({ "token": link }));
    let session = browser.cookie("__Host-farebox-session").unwrap();
    assert!(!kept(&market).contains(&session));
    assert!(!market.get(&browser, "me").body.to_string().contains(&session));
    let logged = market.shop.memory.log_lines().join("\n");
    assert!(![asked, link, session].iter().any(|hidden| logged.contains(hidden)));
    assert!(letter.text.contains(&format!("{ORIGIN}/_farebox/portal/#/sign-in?token=")) && ORIGIN.ends_with(HOST));
}
