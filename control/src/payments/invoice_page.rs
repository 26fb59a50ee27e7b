//! An invoice as a page to print.
//!
//! Invariant: every text is escaped, nothing is asked of any host, and the one style is named by its hash: no page's policy needs
//! `unsafe-inline`.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};
use farebox_core::{
    money::Micros,
    payments::{
        Mode,
        invoice::{Invoice, Subject},
    },
};
use sha2::{Digest, Sha256};

use crate::{http::Response, pages::escaped};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem;color:#111;background:#fff}\
h1{font-size:1.4rem}.who{display:flex;gap:3rem;margin:2rem 0}table{width:100%;border-collapse:collapse}\
td,th{padding:.4rem 0;border-bottom:1px solid #ccc;text-align:left}td:last-child,th:last-child{text-align:right;\
font-variant-numeric:tabular-nums}tfoot td{font-weight:600}@media print{body{margin:0}}";

/// A percentage without zeros at its end.
pub(super) fn percent(percent: Micros) -> String {
    let text = percent.to_string();
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The page.
pub(super) fn page(invoice: &Invoice) -> Response {
    let Invoice { number, issued, of, seller, buyer, currency, lines, total, tax, mode, .. } = invoice;
    let block = |lines: &[String]| lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br>");
    let (number, day) = (escaped(number), issued.to_string().chars().take(10).collect::<String>());
    let about = match of {
        Subject::Payment { order, payment } => {
            format!("Paid: {}. Order {}.", escaped(payment), escaped(order.as_str()))
        }
        Subject::Month { month } => {
            format!("What was bought from the balance in {month}. Paid in advance; nothing is due.")
        }
    };
    let mut rows = String::new();
    for line in lines {
        let _ = write!(rows, "<tr><td>{}</td><td>{}</td></tr>", escaped(&line.text), currency.show(line.amount));
    }
    let taxed = tax.as_ref().map(|tax| {
        let net = currency.show(total.saturating_sub(tax.amount));
        let (name, percent, amount) = (escaped(&tax.name), percent(tax.percent), currency.show(tax.amount));
        format!("<tr><td>Without tax</td><td>{net}</td></tr><tr><td>{name} {percent} %</td><td>{amount}</td></tr>")
    });
    let test = match mode {
        Mode::Live => "",
        Mode::Test => "<p><strong>Test: no money moved.</strong></p>",
    };
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Invoice {number}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body><main>\
         <h1>Invoice {number}</h1>{test}<p>{day}</p><div class=\"who\"><address>{}</address><address>{}</address></div>\
         <table><thead><tr><th>What</th><th>{currency}</th></tr></thead><tbody>{rows}</tbody><tfoot>{}\
         <tr><td>Total</td><td>{}</td></tr></tfoot></table><p>{about}</p></main></body></html>",
        block(seller),
        block(buyer),
        taxed.unwrap_or_default(),
        currency.show(*total),
    );
    let style = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; frame-ancestors 'none'");
    let mut response = Response::text("text/html; charset=utf-8", &body);
    response.headers.push(("content-security-policy", policy));
    response.headers.push(("x-content-type-options", "nosniff".to_owned()));
    response
}
