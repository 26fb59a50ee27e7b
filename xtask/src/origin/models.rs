//! As much of two well-known model APIs as their clients need: `/{p}/v1/chat/completions` and `/{p}/v1/messages`, whole and as a
//! stream of events, and `/{p}/v1/models`.
//!
//! What a model says here is what reached it, as JSON: `{"path", "query", "headers", "prompt"}`. Each word costs a token, in and
//! out, and the last event of a stream says how many.

use http_body_util::{BodyExt, Full};
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{CONTENT_TYPE, HeaderValue},
    http::request::Parts,
};
use serde_json::{Value, json};

use super::{Body, headers, json_response};

/// The answer to a request of either API; `None` where the path is neither's.
pub(super) fn answer(head: &Parts, body: &[u8]) -> Option<Response<Body>> {
    let (_, path) = head.uri.path().trim_start_matches('/').split_once('/')?;
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let is_streamed = asked["stream"] == true;
    let said = said(head, &asked);
    match (path, is_streamed) {
        ("v1/models", _) => Some(json_response(StatusCode::OK, &json!({ "object": "list", "data": [model()] }))),
        ("v1/chat/completions", false) => Some(json_response(StatusCode::OK, &completion(&asked, &said))),
        ("v1/chat/completions", true) => Some(events(&completion_events(&asked, &said))),
        ("v1/messages", false) => Some(json_response(StatusCode::OK, &message(&asked, &said))),
        ("v1/messages", true) => Some(events(&message_events(&asked, &said))),
        _ => None,
    }
}

fn said(head: &Parts, asked: &Value) -> String {
    let prompt = asked["messages"].as_array().and_then(|all| all.last()).map(|message| &message["content"]);
    json!({ "path": head.uri.path(), "query": head.uri.query(), "headers": headers(&head.headers), "prompt": prompt })
        .to_string()
}

fn model() -> Value {
    json!({ "id": "demo", "object": "model", "created": 0, "owned_by": "demo" })
}

/// What a text costs.
fn tokens(text: &str) -> usize {
    text.split_whitespace().count()
}

fn usage(asked: &Value, said: &str) -> Value {
    let (prompt, completion) = (tokens(&asked["messages"].to_string()), tokens(said));
    json!({ "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion })
}

fn completion(asked: &Value, said: &str) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": "demo",
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": said }, "finish_reason": "stop" }],
        "usage": usage(asked, said),
    })
}

fn completion_events(asked: &Value, said: &str) -> Vec<(Option<&'static str>, String)> {
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": "demo",
            "choices": choices, "usage": usage,
        });
        (None, chunk.to_string())
    };
    let delta = |text: &str| json!([{ "index": 0, "delta": { "role": "assistant", "content": text } }]);
    let (first, rest) = halves(said);
    vec![
        chunk(delta(first), Value::Null),
        chunk(delta(rest), Value::Null),
        chunk(json!([{ "index": 0, "delta": {}, "finish_reason": "stop" }]), Value::Null),
        chunk(json!([]), usage(asked, said)),
        (None, "[DONE]".to_owned()),
    ]
}

fn message(asked: &Value, said: &str) -> Value {
    json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "demo", "stop_reason": "end_turn",
        "stop_sequence": null, "content": [{ "type": "text", "text": said }],
        "usage": { "input_tokens": tokens(&asked["messages"].to_string()), "output_tokens": tokens(said) },
    })
}

fn message_events(asked: &Value, said: &str) -> Vec<(Option<&'static str>, String)> {
    let (first, rest) = halves(said);
    let mut begun = message(asked, said);
    begun["content"] = json!([]);
    begun["stop_reason"] = Value::Null;
    let delta = |text: &str| json!({ "index": 0, "delta": { "type": "text_delta", "text": text } });
    let all = [
        ("message_start", json!({ "message": begun })),
        ("content_block_start", json!({ "index": 0, "content_block": { "type": "text", "text": "" } })),
        ("content_block_delta", delta(first)),
        ("content_block_delta", delta(rest)),
        ("content_block_stop", json!({ "index": 0 })),
        (
            "message_delta",
            json!({
                "delta": { "stop_reason": "end_turn", "stop_sequence": null },
                "usage": { "output_tokens": tokens(said) },
            }),
        ),
        ("message_stop", json!({})),
    ];
    let typed = |(name, mut data): (&'static str, Value)| {
        data["type"] = name.into();
        (Some(name), data.to_string())
    };
    all.into_iter().map(typed).collect()
}

/// A text in two pieces, cut between characters.
fn halves(text: &str) -> (&str, &str) {
    text.split_at(text.floor_char_boundary(text.len() / 2))
}

/// Server-sent events, each with a name where it has one.
fn events(events: &[(Option<&str>, String)]) -> Response<Body> {
    let event = |(name, data): &(Option<&str>, String)| match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n"),
        None => format!("data: {data}\n\n"),
    };
    let text: String = events.iter().map(event).collect();
    let mut response = Response::new(Full::new(Bytes::from(text)).boxed());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}
