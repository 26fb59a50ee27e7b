//! Requests of our own on Workers: `fetch`.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use farebox_ports::{Fault, Web};
use wasm_bindgen::JsValue;
use worker::{AbortController, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect};

use crate::{Platform, fault};

const PORT: &str = "web";

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

impl Web for Platform {
    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<u16, Fault> {
        let request = post(url, headers, body).map_err(fault(PORT))?;
        let controller = AbortController::default();
        let signal = controller.signal();
        let request = Fetch::Request(request);
        let mut answer = pin!(request.send_with_signal(&signal));
        let mut late = pin!(Delay::from(ANSWERED_WITHIN));
        let answer = poll_fn(|context| match answer.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => late.as_mut().poll(context).map(|()| None),
        })
        .await;
        match answer {
            Some(answer) => Ok(answer.map_err(fault(PORT))?.status_code()),
            None => {
                controller.abort();
                Err(Fault::Unavailable { port: PORT, detail: "no answer in time".to_owned() })
            }
        }
    }
}

fn post(url: &str, fields: &[(&str, String)], body: &str) -> worker::Result<Request> {
    let headers = Headers::new();
    for (name, value) in fields {
        headers.set(name, value)?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers).with_redirect(RequestRedirect::Manual);
    init.with_body(Some(JsValue::from_str(body)));
    Request::new_with_init(url, &init)
}
