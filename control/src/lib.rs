//! What happens by request: how the provider publishes, sells, corrects and watches, and how customers help
//! themselves.
//!
//! Written once over ports; a platform only turns its request into a [`Request`] and a [`Response`] into its response.
//! Invariants: nobody's body is read who may not send one; a fault is told to the operator's log and never to the caller.
//! Boundary: no call of a product comes here. What is asked for is done through the ports, by the books' commands and by
//! [`farebox_billing`].

mod admin;
mod customer;
mod http;
mod mail;
mod oidc;
pub mod pages;
mod payments;
mod prometheus;
mod schema;
mod store;

use std::{
    cell::{Cell, OnceCell},
    fmt::Display,
};

use farebox_core::{rejection::BODY_BROKEN, time::Timestamp};
use farebox_ports::{Unread, log::tell};

pub use http::{BODY_LIMIT, LocalHosts, Ports, RANDOM_BYTES, Request, Response, Settings, malformed};
pub use mail::{MailService, MailSettings};
pub use oidc::{Oidc, OidcSettings};
pub use payments::{Stripe, StripeSettings};

use self::http::{Answered, Call, failure::Failure, request_id};

/// Answers a request whose body is at hand. `random` must be random, and new for each request.
pub async fn handle<P: Ports>(
    ports: &P,
    settings: &Settings,
    request: Request<'_>,
    now: Timestamp,
    random: [u8; RANDOM_BYTES],
) -> Response {
    let body = request.body;
    handle_head(ports, settings, request, async |_| Ok(body.to_vec()), now, random).await
}

/// Answers a request whose body is `read` once it is known that its sender may send it. What reads it is told how many bytes
/// at most.
pub async fn handle_head<P: Ports>(
    ports: &P,
    settings: &Settings,
    request: Request<'_>,
    read: impl AsyncFnOnce(usize) -> Result<Vec<u8>, Unread>,
    now: Timestamp,
    random: [u8; RANDOM_BYTES],
) -> Response {
    let request_id = request_id(&random);
    let (sender, recorded_as) = (OnceCell::new(), OnceCell::new());
    let hides_body = Cell::new(false);
    let mut call = Call { ports, settings, request, now, random, sender, recorded_as, hides_body, key_scope: "" };
    let body;
    let answer = match admit(&mut call).await {
        Err(failure) => Err(failure),
        Ok(admitted) => match read(BODY_LIMIT).await {
            Ok(read) if read.len() <= BODY_LIMIT => {
                body = read;
                call.request.body = &body;
                admitted.carry_out(&call).await
            }
            Ok(_) | Err(Unread::TooLong) => Err(Failure::BodyTooLarge),
            Err(Unread::Broken) => Err(Failure::Malformed(BODY_BROKEN.to_owned())),
        },
    };
    let code = answer.as_ref().err().map(Failure::code);
    let mut response = answer.unwrap_or_else(|failure| {
        if let Some(fault) = failure.for_the_operator() {
            let path = without_token(request.path);
            let about: [(&str, &dyn Display); 3] =
                [("request_id", &request_id), ("method", &request.method), ("path", &path)];
            tell(ports, "admin.failed", &about, &fault);
        }
        failure.response(&request_id)
    });
    if let Some(actor) = call.recorded_as.get() {
        call.record(actor, &request_id, response.status, code).await;
    }
    if request.method == "HEAD" {
        response.body.clear();
    }
    response.headers.push(("farebox-request-id", request_id));
    response.headers.push(("cache-control", "no-store".to_owned()));
    response
}

/// A path as it may be told: of a way into the portal, whose token is in it, without that.
fn without_token(path: &str) -> &str {
    let entry = "/portal-sessions/";
    path.find(entry).map_or(path, |at| &path[..at + entry.len()])
}

/// An operation of one of the APIs whose sender may ask for it.
enum Admitted<'a> {
    Admin(admin::Admitted<'a>),
    Customer(Box<customer::Admitted>),
}

/// What the request is for, if its sender may ask for that: all that can be said before the body is read.
async fn admit<'a, P: Ports>(call: &mut Call<'a, P>) -> Result<Admitted<'a>, Failure> {
    if call.request.length.is_some_and(|length| length > BODY_LIMIT as u64) {
        return Err(Failure::BodyTooLarge);
    }
    if call.request.path.starts_with(customer::ROOT) {
        return customer::admit(call).await.map(Box::new).map(Admitted::Customer);
    }
    admin::admit(call).await.map(Admitted::Admin)
}

impl Admitted<'_> {
    async fn carry_out<P: Ports>(&self, call: &Call<'_, P>) -> Answered {
        match self {
            Self::Admin(admitted) => admitted.carry_out(call).await,
            Self::Customer(admitted) => admitted.carry_out(call).await,
        }
    }
}
