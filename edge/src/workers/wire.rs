//! The wire between WebAssembly and JavaScript: how a message is written as numbers and one text.
//!
//! A crossing costs a call more than its signature, and so does each text that crosses by itself. So a message is an array of
//! numbers at a fixed address and one text, which `wire.js` reads where they are. [`place`] says what stands where:
//!
//! ```text
//! every message   verdict, address and bytes of the text, background
//! Forward         call, generation, timeout in ms (0: none), bytes that may go in and out at first (-1: not limited),
//!                 which fields of the caller go along (bit n of 4 × 32: the nth), where the answer says units (0: nowhere,
//!                 1: in the field, 2: in the body), then the texts:
//!                 URL, the n names of fields for the upstream, the m names of fields for the caller, n values, m values
//! Reject          status, n, then the texts: n × (name, value), body
//! ReadBody        limit: the body is to be read, of at most so many bytes, and asked with again
//! Wait            `decide` or `fund` is to be asked, which may wait
//! Go              how many more bytes may go
//! End             the code of why a stream ends
//! ```
//!
//! A text is three numbers. The first says with which kept text it begins (0: none). The second says how many UTF-16 units of the
//! message's text replace that kept text before (0: it is known). The third says how many more follow. Names are one text, with
//! commas between. Before that of a field for the caller stands what becomes of the upstream's own: nothing (it gives way), + (it
//! stays beside), - (it goes, and nothing comes), ~ (`readdressed` is asked). Invariant: both sides keep the same texts, as a
//! kept text is sent in the message that first uses it and every message is read. What stands where is pinned by
//! `tests/wire.json`, which `wire.test.mjs` reads too.

use std::num::NonZeroUsize;

use farebox_core::rejection::{BODY_BROKEN, Rejection};
use farebox_gateway::{Flow, Forward, How, MOST_ANNOUNCED, Need, Reject, Step, Text};
use lru::LruCache;

/// How many numbers a message has at most: a rejection has a dozen fields.
const NUMBERS: usize = 128;

/// How many texts are kept. The one that was not used for longest gives way.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

/// The longest text that is kept, in bytes.
const LONGEST_KEPT: usize = 1_024;

/// How many fields a number has a bit for.
const WORD: usize = 32;

/// What stands where in a message.
pub(super) mod place {
    pub(crate) const VERDICT: usize = 0;
    pub(crate) const TEXT_AT: usize = 1;
    pub(crate) const TEXT_BYTES: usize = 2;
    pub(crate) const BACKGROUND: usize = 3;

    pub(crate) const CALL: usize = 4;
    pub(crate) const GENERATION: usize = 5;
    pub(crate) const TIMEOUT: usize = 6;
    pub(crate) const ROOM_IN: usize = 7;
    pub(crate) const ROOM_OUT: usize = 8;
    pub(crate) const GOES: usize = 9;
    pub(crate) const UNITS: usize = 13;
    pub(crate) const FORWARD_TEXTS: usize = 14;

    pub(crate) const STATUS: usize = 4;
    pub(crate) const FIELDS: usize = 5;
    pub(crate) const REJECT_TEXTS: usize = 6;

    pub(crate) const LIMIT: usize = 4;
    pub(crate) const ROOM: usize = 4;
    pub(crate) const CODE: usize = 4;
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Forward = 1,
    Reject = 2,
    ReadBody = 3,
    Wait = 4,
    Go = 5,
    End = 6,
}

/// Why a call is answered by the gateway once it was admitted, or a stream ends. JavaScript knows these by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    BodyTooLarge = 1,
    BodyBroken = 2,
    UpstreamUnreachable = 3,
    UpstreamTimeout = 4,
    UpstreamMalformed = 5,
    CredentialRevoked = 6,
    AccountSuspended = 7,
    QuotaExhausted = 8,
    QuotaExpired = 9,
    BalanceExhausted = 10,
    LedgerUnavailable = 11,
    LeasedOut = 12,
}

impl Code {
    /// All of them, in the order of their numbers.
    const ALL: [Self; 12] = [
        Self::BodyTooLarge,
        Self::BodyBroken,
        Self::UpstreamUnreachable,
        Self::UpstreamTimeout,
        Self::UpstreamMalformed,
        Self::CredentialRevoked,
        Self::AccountSuspended,
        Self::QuotaExhausted,
        Self::QuotaExpired,
        Self::BalanceExhausted,
        Self::LedgerUnavailable,
        Self::LeasedOut,
    ];

    /// The code with this number; nothing where there is none.
    pub(super) fn numbered(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| *code as u32 == number)
    }

    /// What it stands for. `limit` is how many bytes a body may have.
    pub(super) const fn rejection(self, limit: u64) -> Rejection {
        match self {
            Self::BodyTooLarge => Rejection::BodyTooLarge { limit },
            Self::BodyBroken => Rejection::RequestMalformed(BODY_BROKEN),
            Self::UpstreamUnreachable => Rejection::UpstreamUnreachable,
            Self::UpstreamTimeout => Rejection::UpstreamTimeout,
            Self::UpstreamMalformed => Rejection::UpstreamMalformed,
            Self::CredentialRevoked => Rejection::CredentialRevoked,
            Self::AccountSuspended => Rejection::AccountSuspended,
            Self::QuotaExhausted => Rejection::QuotaExhausted,
            Self::QuotaExpired => Rejection::QuotaExpired,
            Self::BalanceExhausted => Rejection::BalanceExhausted,
            Self::LedgerUnavailable => Rejection::LedgerUnavailable,
            Self::LeasedOut => Rejection::LeasedOut,
        }
    }

    /// Why a stream ends. What refuses a call before it is admitted ends none.
    fn of(rejection: &Rejection) -> Self {
        match rejection {
            Rejection::CredentialRevoked => Self::CredentialRevoked,
            Rejection::AccountSuspended => Self::AccountSuspended,
            Rejection::QuotaExhausted => Self::QuotaExhausted,
            Rejection::QuotaExpired => Self::QuotaExpired,
            Rejection::BalanceExhausted => Self::BalanceExhausted,
            // When a limit renews does not cross. Who asks again is told.
            Rejection::LeasedOut | Rejection::LimitExhausted { .. } => Self::LeasedOut,
            Rejection::BodyTooLarge { .. } => Self::BodyTooLarge,
            Rejection::UpstreamUnreachable => Self::UpstreamUnreachable,
            Rejection::UpstreamTimeout => Self::UpstreamTimeout,
            Rejection::UpstreamMalformed => Self::UpstreamMalformed,
            Rejection::RequestMalformed(_) => Self::BodyBroken,
            Rejection::LedgerUnavailable
            | Rejection::CredentialMissing(_)
            | Rejection::CredentialUnknown
            | Rejection::SignatureMissing
            | Rejection::SignatureInvalid { .. }
            | Rejection::SignatureUnusable(_)
            | Rejection::TokenRefused(_)
            | Rejection::IssuerUnavailable
            | Rejection::TimestampInvalid
            | Rejection::SignatureExpired { .. }
            | Rejection::NonceMissing
            | Rejection::NonceUsed
            | Rejection::DigestMismatch
            | Rejection::DigestMissing
            | Rejection::BodyEmpty
            | Rejection::RouteUnknown
            | Rejection::MethodUnsupported { .. }
            | Rejection::ProductForbidden
            | Rejection::StageMissing
            | Rejection::AddressForbidden
            | Rejection::RateLimited { .. }
            | Rejection::UpgradeUnsupported
            | Rejection::UpstreamUnconfigured
            | Rejection::HeadTooLarge(_) => Self::LedgerUnavailable,
        }
    }
}

/// The message that is written last, and the texts that JavaScript keeps.
#[derive(Debug)]
pub(super) struct Message {
    numbers: [f64; NUMBERS],
    end: usize,
    text: String,
    kept: LruCache<Box<str>, usize>,
}

impl Message {
    /// None yet, and nothing kept.
    pub(super) fn new() -> Self {
        Self { numbers: [0.0; NUMBERS], end: 0, text: String::new(), kept: LruCache::new(KEPT) }
    }

    /// Where the numbers are.
    pub(super) const fn address(&self) -> *const f64 {
        self.numbers.as_ptr()
    }

    /// What becomes of a request.
    pub(super) fn step(&mut self, step: &Step) {
        match step {
            Step::Forward(forward) => self.forward(forward),
            Step::Reject(reject) => self.reject(reject),
            Step::Need(Need::Body(limit)) => {
                self.begin(Verdict::ReadBody, false, place::LIMIT + 1);
                self.numbers[place::LIMIT] = number(*limit);
                self.finish();
            }
            Step::Need(
                Need::Catalog
                | Need::Credential(_)
                | Need::PlainKey { .. }
                | Need::Token(_)
                | Need::UpstreamCredential(_)
                | Need::Lease(..)
                | Need::Agreement(..)
                | Need::Calls(_),
            ) => self.wait(),
        }
    }

    /// What a stream may do.
    pub(super) fn flow(&mut self, flow: &Flow, background: bool) {
        match flow {
            Flow::Go(room) => {
                self.begin(Verdict::Go, background, place::ROOM + 1);
                self.numbers[place::ROOM] = number((*room).min(MOST_ANNOUNCED));
                self.finish();
            }
            Flow::Need(_) => self.wait(),
            Flow::End(rejection) => {
                self.begin(Verdict::End, false, place::CODE + 1);
                self.numbers[place::CODE] = f64::from(Code::of(rejection) as u32);
                self.finish();
            }
        }
    }

    fn wait(&mut self) {
        self.begin(Verdict::Wait, false, place::BACKGROUND + 1);
        self.finish();
    }

    fn forward(&mut self, forward: &Forward) {
        let Forward { call, url, goes, set, respond, timeout, background, room, units } = forward;
        self.begin(Verdict::Forward, *background, place::FORWARD_TEXTS);
        let [call, generation] = call.numbers();
        self.numbers[place::CALL] = f64::from(call);
        self.numbers[place::GENERATION] = f64::from(generation);
        self.numbers[place::TIMEOUT] = number(timeout.unwrap_or(0).unsigned_abs());
        let limited = |bytes: u64| number(bytes.min(MOST_ANNOUNCED));
        self.numbers[place::ROOM_IN] = room.map_or(-1.0, |room| limited(room.ingress_bytes));
        self.numbers[place::ROOM_OUT] = room.map_or(-1.0, |room| limited(room.egress_bytes));
        for (word, goes) in self.numbers[place::GOES..place::UNITS].iter_mut().zip(words(goes)) {
            *word = f64::from(goes);
        }
        self.numbers[place::UNITS] = f64::from(*units as u8);
        self.beginning(url);
        self.names(set.iter().map(|(name, _)| ("", &**name)));
        self.names(respond.iter().map(|shown| (mark(shown.how), &*shown.name)));
        for (_, value) in set {
            self.beginning(value);
        }
        for shown in respond {
            self.text("", &shown.value);
        }
        self.finish();
    }

    /// An answer of the gateway's own.
    pub(super) fn reject(&mut self, reject: &Reject) {
        self.begin(Verdict::Reject, false, place::REJECT_TEXTS);
        self.numbers[place::STATUS] = f64::from(reject.status);
        self.numbers[place::FIELDS] = reject.fields.len() as f64;
        for (name, value) in &reject.fields {
            self.text("", name);
            self.text("", value);
        }
        self.text("", &reject.body);
        self.finish();
    }

    fn begin(&mut self, verdict: Verdict, background: bool, texts_at: usize) {
        self.text.clear();
        self.numbers[place::VERDICT] = f64::from(verdict as u32);
        self.numbers[place::BACKGROUND] = f64::from(u8::from(background));
        self.end = texts_at;
    }

    /// Says where the text is, once it is whole.
    fn finish(&mut self) {
        self.numbers[place::TEXT_AT] = self.text.as_ptr().addr() as f64;
        self.numbers[place::TEXT_BYTES] = self.text.len() as f64;
    }

    /// The names of fields, which are the same from call to call.
    fn names<'n>(&mut self, fields: impl Iterator<Item = (&'static str, &'n str)>) {
        let mut names = String::with_capacity(64);
        for (at, (mark, name)) in fields.enumerate() {
            names.extend([if at == 0 { "" } else { "," }, mark, name]);
        }
        self.text(&names, "");
    }

    /// A text whose beginning is the same for the next call of its kind.
    fn beginning(&mut self, text: &Text) {
        let (same, rest) = text.whole.split_at(text.same);
        self.text(same, rest);
    }

    /// A text that begins with what is kept.
    fn text(&mut self, same: &str, rest: &str) {
        let (mut kept, mut sent) = (0, 0);
        let mut spelled = 0;
        if same.len() > LONGEST_KEPT {
            spelled = self.spell(same);
        } else if !same.is_empty() {
            kept = match self.kept.get(same) {
                Some(kept) => *kept,
                None => {
                    sent = self.spell(same);
                    self.keep(same)
                }
            };
        }
        spelled += self.spell(rest);
        for number in [kept, sent, spelled] {
            self.numbers[self.end] = number as f64;
            self.end += 1;
        }
    }

    /// Keeps a text, in place of the one that was not used for longest where there are too many.
    fn keep(&mut self, text: &str) -> usize {
        let free = self.kept.len() + 1;
        let number = if free <= KEPT.get() { free } else { self.kept.pop_lru().map_or(free, |(_, number)| number) };
        self.kept.put(text.into(), number);
        number
    }

    /// Appends a text. Says how many UTF-16 units it has, by which JavaScript counts.
    fn spell(&mut self, text: &str) -> usize {
        self.text.push_str(text);
        if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
    }
}

/// What stands before the name of a field of the answer.
const fn mark(how: How) -> &'static str {
    match how {
        How::Set => "",
        How::Add => "+",
        How::Remove => "-",
        How::Readdress => "~",
    }
}

/// A number of bytes or milliseconds, which is far below 2^53.
const fn number(number: u64) -> f64 {
    number as f64
}

/// Flags as bits, the first of them the lowest of the first word.
fn words(flags: &[bool]) -> [u32; place::UNITS - place::GOES] {
    let mut words = [0; place::UNITS - place::GOES];
    for (at, _) in flags.iter().enumerate().filter(|(_, flag)| **flag) {
        words[at / WORD] |= 1 << (at % WORD);
    }
    words
}

#[cfg(test)]
mod tests;
