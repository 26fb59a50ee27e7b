//! Invoices: numbered, kept, listed and shown.
//!
//! Invariant: the numbers of a provider have no gap, and a payment or a month has one document. The last document stands whole in one place,
//! the tail: a number is given by putting the next there in its place, and whoever comes next first keeps the one that they replace. So a
//! process that ends anywhere leaves no number without its document.

use farebox_core::{
    id::AccountId,
    payments::{
        Mode, Order,
        invoice::{Head, Invoice, Line, Subject},
    },
    time::{Month, Timestamp},
};
use farebox_ports::{
    Documents, Fault, KeyValue,
    keys::{ACCOUNT_INVOICES, INVOICE_TAILS, INVOICES, INVOICES_OF, account_entry},
    reports::{Query, Report},
    schema::{Amount, CurrencyCode, Id, Time},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    invoice_page,
    orders::{ModeShown, Payer, payer_key},
};
use crate::{
    admin::reports::mismatch,
    customer::directory,
    http::{Answered, Call, Ports, Response, failure::Failure, paging::Items},
    store::{self, AccountRecord, Published, parsed, written},
};

/// How often a number is asked for anew because another document took it.
const ATTEMPTS: u32 = 256;

/// Of which month a document is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "InvoiceWanted")]
pub(crate) struct MonthWanted {
    /// A month that is over, such as `2026-11`, in UTC.
    #[schemars(with = "Id")]
    month: String,
}

/// An invoice, as it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Invoice")]
pub(crate) struct InvoiceRow {
    #[schemars(with = "Id")]
    id: String,
    /// As it is written on the document.
    number: String,
    #[schemars(with = "Id")]
    account: AccountId,
    /// In test mode no money moves, and numbers count by themselves.
    mode: ModeShown,
    #[schemars(with = "Time")]
    issued: Timestamp,
    /// The order that was paid for; null on the document of a month.
    #[schemars(with = "Option<Id>")]
    order: Option<String>,
    /// The payment service's own name of the payment; null on the document of a month.
    payment: Option<String>,
    /// The month; null on the document of a payment.
    month: Option<String>,
    /// Who sells, a line each.
    seller: Vec<String>,
    /// Who buys, a line each.
    buyer: Vec<String>,
    #[schemars(with = "CurrencyCode")]
    currency: String,
    lines: Vec<LineRow>,
    /// What the lines come to, with tax.
    #[schemars(with = "Amount")]
    total: String,
    /// The tax in the total. Null where there is none, and on the document of a month: what was bought there was paid with tax before.
    tax: Option<TaxRow>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "InvoiceLine")]
struct LineRow {
    text: String,
    #[schemars(with = "Amount")]
    amount: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "InvoiceTax")]
struct TaxRow {
    name: String,
    /// In percent of what is paid without it.
    percent: String,
    #[schemars(with = "Amount")]
    amount: String,
}

impl From<&Invoice> for InvoiceRow {
    fn from(invoice: &Invoice) -> Self {
        let show = |amount| invoice.currency.show(amount);
        let (order, payment, month) = match &invoice.of {
            Subject::Payment { order, payment } => (Some(order.to_string()), Some(payment.clone()), None),
            Subject::Month { month } => (None, None, Some(month.to_string())),
        };
        let line = |Line { text, amount }: &Line| LineRow { text: text.clone(), amount: show(*amount) };
        let tax = invoice.tax.as_ref().map(|tax| TaxRow {
            name: tax.name.clone(),
            percent: invoice_page::percent(tax.percent),
            amount: show(tax.amount),
        });
        Self {
            id: id_of(invoice),
            number: invoice.number.clone(),
            account: invoice.account.clone(),
            mode: invoice.mode.into(),
            issued: invoice.issued,
            order,
            payment,
            month,
            seller: invoice.seller.clone(),
            buyer: invoice.buyer.clone(),
            currency: invoice.currency.to_string(),
            lines: invoice.lines.iter().map(line).collect(),
            total: show(invoice.total),
            tax,
        }
    }
}

const fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "live",
        Mode::Test => "test",
    }
}

/// Names a document: in the order of its number.
fn id_of(invoice: &Invoice) -> String {
    format!("{}-{:012}", mode_name(invoice.mode), invoice.sequence)
}

fn of_account(account: &AccountId) -> String {
    format!("{ACCOUNT_INVOICES}{account}/")
}

fn of_subject(account: &AccountId, subject: &Subject) -> String {
    format!("{INVOICES_OF}{account}/{}", subject.key())
}

/// Keeps a document that has its number, with what finds it.
async fn keep(ports: &(impl Documents + KeyValue), invoice: &Invoice) -> Result<(), Failure> {
    let id = id_of(invoice);
    store::make(ports, &format!("{INVOICES}{id}"), invoice).await?;
    store::make(ports, &of_subject(&invoice.account, &invoice.of), &id).await?;
    Ok(ports.put(&format!("{}{id}", of_account(&invoice.account)), b"").await?)
}

/// Gives `new` the next number, or finds the document that there is of the same.
async fn issue(ports: &(impl Documents + KeyValue), new: Invoice, prefix: &str) -> Result<Invoice, Failure> {
    let tail = format!("{INVOICE_TAILS}{}", mode_name(new.mode));
    for _ in 0..ATTEMPTS {
        let before = ports.current(&tail).await?;
        let last: Option<Invoice> = before.as_deref().map(|text| parsed(&tail, text)).transpose()?;
        if let Some(last) = &last {
            keep(ports, last).await?;
        }
        // Looked for after the tail was read: who made one meanwhile has changed the tail, and it is looked for again.
        let same: Option<String> = store::current(ports, &of_subject(&new.account, &new.of)).await?;
        if let Some(id) = same {
            let key = format!("{INVOICES}{id}");
            return store::current(ports, &key).await?.ok_or(Failure::InvoiceUnknown);
        }
        let next = new.clone().numbered(last.map_or(0, |last| last.sequence), prefix);
        if ports.exchange(&tail, before.as_deref(), Some(&written(&next)?)).await? {
            keep(ports, &next).await?;
            return Ok(next);
        }
    }
    let detail = format!("{ATTEMPTS} other documents took the number first");
    Err(Failure::Port(Fault::Unavailable { port: "documents", detail }))
}

impl<P: Ports> Call<'_, P> {
    /// Makes the document of a payment that is booked, where the catalog says what stands on it.
    pub(super) async fn invoice_payment(&self, order: &Order, payment: &str) -> Result<(), Failure> {
        let Some(Published { storefront, .. }) = self.published().await? else { return Ok(()) };
        let Some(invoicing) = storefront.invoices else { return Ok(()) };
        let buyer = self.buyer(&order.account).await?;
        let head = Head { invoicing: &invoicing, buyer: &buyer, issued: self.now };
        issue(self.ports, head.of_payment(order, payment), &invoicing.prefix).await?;
        Ok(())
    }

    /// The document of a month that is over, made where there is none yet.
    pub(crate) async fn invoice_month(&self, account: &AccountId) -> Answered {
        let MonthWanted { month } = self.body()?;
        let month: Month = month.parse().map_err(|_| Failure::StatementUnknown)?;
        let AccountRecord { created: opened, .. } = self.account(account.as_str()).await?;
        if month >= Month::of(self.now) {
            return Err(Failure::MonthRuns(month));
        }
        if month < Month::of(opened) {
            return Err(Failure::StatementEarly { account: account.clone(), opened });
        }
        let published = self.published().await?.ok_or(Failure::CatalogMissing)?;
        let invoicing = published.storefront.invoices.ok_or(Failure::InvoicesUnset)?;
        let (from, until) = month.bounds();
        let statement = match self.ports.report(account, &Query::Statement { from, until }).await?? {
            Report::Statement(statement) => statement,
            other => return Err(mismatch(&other)),
        };
        let payer: Option<Payer> = directory::read(self.ports, &payer_key(account)).await?;
        let buyer = self.buyer(account).await?;
        let head = Head { invoicing: &invoicing, buyer: &buyer, issued: self.now };
        let new = head.of_month(month, payer.map_or(Mode::Live, |payer| payer.mode), &statement);
        if new.lines.is_empty() {
            return Err(Failure::MonthEmpty(month));
        }
        Response::json(201, &InvoiceRow::from(&issue(self.ports, new, &invoicing.prefix).await?))
    }

    /// The documents of an account.
    pub(crate) async fn invoices_of(&self, account: &AccountId) -> Answered {
        let prefix = of_account(account);
        let (keys, cursor) = self.keys(&prefix).await?;
        let mut items: Vec<InvoiceRow> = Vec::with_capacity(keys.len());
        for key in &keys {
            let id = key.strip_prefix(&prefix).unwrap_or_default();
            let found: Option<Invoice> = store::current(self.ports, &format!("{INVOICES}{id}")).await?;
            items.extend(found.as_ref().map(InvoiceRow::from));
        }
        Response::json(200, &Items { items, cursor })
    }

    /// All documents, in the order of their numbers, for the provider.
    pub(crate) async fn list_invoices(&self) -> Answered {
        self.documents::<Invoice, _>(INVOICES, |invoice| InvoiceRow::from(&invoice)).await
    }

    /// A document of `account`; of any, for the provider.
    pub(crate) async fn show_invoice(&self, account: Option<&AccountId>, id: &str) -> Answered {
        Response::json(200, &InvoiceRow::from(&self.invoice(account, id).await?))
    }

    /// The same as a page to print.
    pub(crate) async fn print_invoice(&self, account: Option<&AccountId>, id: &str) -> Answered {
        Ok(invoice_page::page(&self.invoice(account, id).await?))
    }

    async fn invoice(&self, account: Option<&AccountId>, id: &str) -> Result<Invoice, Failure> {
        let is_id = farebox_core::id::is_id(id);
        let found: Option<Invoice> =
            if is_id { store::current(self.ports, &format!("{INVOICES}{id}")).await? } else { None };
        let is_theirs = |found: &Invoice| account.is_none_or(|account| found.account == *account);
        found.filter(is_theirs).ok_or(Failure::InvoiceUnknown)
    }

    /// Who buys, a line each: what the account has said, or its name.
    async fn buyer(&self, account: &AccountId) -> Result<Vec<String>, Failure> {
        let record: Option<AccountRecord> = store::current(self.ports, &account_entry(account)).await?;
        let record = record.ok_or(Failure::AccountUnknown)?;
        Ok(if record.invoice_to.is_empty() { vec![record.name] } else { record.invoice_to })
    }
}
