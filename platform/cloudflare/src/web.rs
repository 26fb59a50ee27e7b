//! Requests of our own on Workers: `fetch`.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use farebox_ports::{ANSWER_LIMIT, Fault, Web, WebAnswer, WebMethod, WebRequest};
use wasm_bindgen::JsValue;
use worker::{AbortController, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect, Response};

use crate::{Platform, fault};

const PORT: &str = "web";

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

impl Web for Platform {
    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<u16, Fault> {
        let request = WebRequest { method: WebMethod::Post, url, headers, body };
        within(&request, async |response: Response| Ok(response.status_code())).await
    }

    async fn ask(&self, request: &WebRequest<'_>) -> Result<WebAnswer, Fault> {
        within(request, async |mut response: Response| {
            let body = response.text().await?;
            if body.len() > ANSWER_LIMIT {
                return Err(worker::Error::RustError("the answer is too long".to_owned()));
            }
            Ok(WebAnswer { status: response.status_code(), body })
        })
        .await
    }
}

/// Sends a request and reads its answer, unless that takes too long.
async fn within<T>(
    request: &WebRequest<'_>,
    read: impl AsyncFnOnce(Response) -> worker::Result<T>,
) -> Result<T, Fault> {
    let request = Fetch::Request(made(request).map_err(fault(PORT))?);
    let controller = AbortController::default();
    let signal = controller.signal();
    let mut answer = pin!(async { read(request.send_with_signal(&signal).await?).await });
    let mut late = pin!(Delay::from(ANSWERED_WITHIN));
    let answer = poll_fn(|context| match answer.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending => late.as_mut().poll(context).map(|()| None),
    })
    .await;
    match answer {
        Some(answer) => answer.map_err(fault(PORT)),
        None => {
            controller.abort();
            Err(Fault::Unavailable { port: PORT, detail: "no answer in time".to_owned() })
        }
    }
}

fn made(request: &WebRequest<'_>) -> worker::Result<Request> {
    let headers = Headers::new();
    for (name, value) in request.headers {
        headers.set(name, value)?;
    }
    let mut init = RequestInit::new();
    init.with_headers(headers).with_redirect(RequestRedirect::Manual);
    match request.method {
        WebMethod::Get => init.with_method(Method::Get),
        WebMethod::Post => init.with_method(Method::Post).with_body(Some(JsValue::from_str(request.body))),
    };
    Request::new_with_init(request.url, &init)
}
