//! The wire as it is pinned: the golden file holds what is written here, and `wire.test.mjs` reads it.

use std::fmt::Write;

use farebox_core::{
    id::{AccountId, ProductId},
    meter::Usage,
};
use farebox_gateway::{CallKey, Purse, Shown, UnitsFrom};
use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

const GOLDEN: &str = include_str!("../../../tests/wire.json");

fn forward(goes: &[bool], room: Option<Usage>) -> Forward {
    Forward {
        call: CallKey::from_numbers([7, 3]),
        url: Text { whole: "https://origin.test/base/v1?q=1".into(), same: 24 },
        goes: goes.to_vec(),
        set: vec![
            ("farebox".into(), Text { whole: "account=\"a\", request=\"w-1f\"".into(), same: 22 }),
            ("signature".into(), Text { whole: "farebox=:AA==:".into(), same: 0 }),
        ],
        respond: vec![field("ratelimit", "\"p\";r=9", How::Set)],
        timeout: room.map(|_| 1_500),
        background: room.is_some(),
        room,
        units: if room.is_some() { UnitsFrom::Body } else { UnitsFrom::Nowhere },
    }
}

fn field(name: &'static str, value: &str, how: How) -> Shown {
    Shown { name: name.into(), value: value.into(), how }
}

/// The message as the golden file has it. The address of the text is another one each time.
fn shown(message: &Message) -> Value {
    let mut numbers = message.numbers[..message.end].to_vec();
    numbers[place::TEXT_AT] = 0.0;
    json!({ "numbers": numbers.iter().map(|number| *number as i64).collect::<Vec<_>>(), "text": message.text })
}

fn messages() -> Vec<Value> {
    let mut message = Message::new();
    let mut all = Vec::new();
    let mut say = |write: &dyn Fn(&mut Message)| {
        write(&mut message);
        all.push(shown(&message));
    };
    let room = Usage { calls: 0, ingress_bytes: u64::MAX, egress_bytes: 4_096, ..Usage::NONE };
    let mut many = vec![false; 100];
    (many[0], many[31], many[32], many[99]) = (true, true, true, true);
    let reject = Reject {
        status: 402,
        fields: vec![("content-type", "application/problem+json".into()), ("farebox-request-id", "w-1f".into())],
        body: "{\"detail\":\"buy more … here\"}".into(),
    };
    let lease =
        || Need::Lease(Purse::of_account("acc_1".parse::<AccountId>().unwrap()), "p".parse::<ProductId>().unwrap());
    say(&|message| message.step(&Step::Forward(forward(&[true, false, true], None))));
    say(&|message| message.step(&Step::Forward(forward(&[], None))));
    say(&|message| message.step(&Step::Forward(forward(&many, Some(room)))));
    say(&|message| message.reject(&reject));
    say(&|message| message.step(&Step::Need(Need::Body(8 << 20))));
    say(&|message| message.step(&Step::Need(lease())));
    say(&|message| message.flow(&Flow::Go(1 << 20), true));
    say(&|message| message.flow(&Flow::Need(lease()), true));
    say(&|message| message.flow(&Flow::End(Rejection::QuotaExhausted), true));
    let mut changed = forward(&[], None);
    changed.respond.extend([
        field("vary", "origin", How::Add),
        field("x-b", "", How::Remove),
        field("location", "", How::Readdress),
    ]);
    let changed = Step::Forward(changed);
    say(&|message| message.step(&changed));
    all
}

#[wasm_bindgen_test]
fn messages_are_as_the_golden_file_has_them() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    for (at, (said, golden)) in messages().iter().zip(golden["messages"].as_array().unwrap()).enumerate() {
        assert_eq!(*said, json!({ "numbers": golden["numbers"], "text": golden["text"] }), "message {at}: {said}");
    }
    assert_eq!(messages().len(), golden["messages"].as_array().unwrap().len());
}

#[wasm_bindgen_test]
fn places_verdicts_and_codes_are_as_the_golden_file_has_them() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let places = json!({
        "VERDICT": place::VERDICT, "TEXT_AT": place::TEXT_AT, "TEXT_BYTES": place::TEXT_BYTES,
        "BACKGROUND": place::BACKGROUND, "CALL": place::CALL, "GENERATION": place::GENERATION,
        "TIMEOUT": place::TIMEOUT, "ROOM_IN": place::ROOM_IN, "ROOM_OUT": place::ROOM_OUT, "GOES": place::GOES,
        "UNITS": place::UNITS, "FORWARD_TEXTS": place::FORWARD_TEXTS, "STATUS": place::STATUS, "FIELDS": place::FIELDS,
        "REJECT_TEXTS": place::REJECT_TEXTS, "LIMIT": place::LIMIT, "ROOM": place::ROOM, "CODE": place::CODE,
    });
    let verdicts = json!({
        "FORWARD": Verdict::Forward as u32, "REJECT": Verdict::Reject as u32, "READ_BODY": Verdict::ReadBody as u32,
        "WAIT": Verdict::Wait as u32, "GO": Verdict::Go as u32, "END": Verdict::End as u32,
    });
    // As JavaScript spells them: `BodyTooLarge` is `BODY_TOO_LARGE`.
    let spelled = |code: &Code| {
        let mut name = String::new();
        for letter in format!("{code:?}").chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            let _ = write!(name, "{}", letter.to_ascii_uppercase());
        }
        name
    };
    let codes: Value = Code::ALL.iter().map(|code| (spelled(code), json!(*code as u32))).collect();
    assert_eq!((&places, &verdicts, &codes), (&golden["places"], &golden["verdicts"], &golden["codes"]));
}

#[wasm_bindgen_test]
fn a_code_has_one_number_and_stands_for_one_rejection() {
    for code in Code::ALL {
        assert_eq!(Code::numbered(code as u32), Some(code));
        assert_eq!(Code::of(&code.rejection(7)), code);
    }
    assert_eq!((Code::numbered(0), Code::numbered(13)), (None, None));
}

#[wasm_bindgen_test]
fn the_text_that_was_not_used_for_longest_gives_way_and_is_sent_again() {
    let mut message = Message::new();
    let mut say = |text: &str| {
        message.begin(Verdict::Wait, false, place::BACKGROUND + 1);
        message.text(text, "x");
        let [number, sent, spelled] = [4, 5, 6].map(|at| message.numbers[at] as usize);
        (number, sent, spelled)
    };
    let texts: Vec<_> = (0..=KEPT.get()).map(|at| format!("text {at}")).collect();
    for (at, text) in texts[..KEPT.get()].iter().enumerate() {
        assert_eq!(say(text), (at + 1, text.len(), 1));
    }
    assert_eq!(say(&texts[0]), (1, 0, 1), "it is known");
    assert_eq!(say(&texts[KEPT.get()]), (2, texts[KEPT.get()].len(), 1), "in place of the second");
    assert_eq!(say(&texts[1]), (3, texts[1].len(), 1), "which is sent again, in place of the third");
    let long = "é".repeat(LONGEST_KEPT);
    assert_eq!(say(&long), (0, 0, LONGEST_KEPT + 1), "too long to be kept; counted in UTF-16 units");
}
