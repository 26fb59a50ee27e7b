//! What Cloudflare asks for what was counted: one table, with its date.

/// What was counted of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A request to a Worker: a call, a cron trigger.
    Request,
    /// A value of KV that was read.
    KvRead,
    KvWrite,
    KvList,
    KvDelete,
    /// A request to a Durable Object, or an alarm of one.
    ObjectRequest,
    RowRead,
    RowWritten,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Request,
        Self::KvRead,
        Self::KvWrite,
        Self::KvList,
        Self::KvDelete,
        Self::ObjectRequest,
        Self::RowRead,
        Self::RowWritten,
    ];

    /// List price of a million in USD, read on 2026-11-29 on the price pages of Workers, KV and Durable Objects. Left out is
    /// what the platform does not count by operations: processor time (0.02 per million ms) and how long objects are awake.
    pub(crate) const fn usd_per_million(self) -> f64 {
        match self {
            Self::Request => 0.30,
            Self::KvRead => 0.50,
            Self::KvWrite | Self::KvList | Self::KvDelete => 5.00,
            Self::ObjectRequest => 0.15,
            Self::RowRead => 0.001,
            Self::RowWritten => 1.00,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Request => "requests",
            Self::KvRead => "KV reads",
            Self::KvWrite => "KV writes",
            Self::KvList => "KV lists",
            Self::KvDelete => "KV deletes",
            Self::ObjectRequest => "object requests",
            Self::RowRead => "rows read",
            Self::RowWritten => "rows written",
        }
    }

    /// Whether it is an operation of KV.
    pub(crate) const fn is_kv(self) -> bool {
        matches!(self, Self::KvRead | Self::KvWrite | Self::KvList | Self::KvDelete)
    }
}

/// What others ask for a million calls, in USD: AWS API Gateway's HTTP and REST APIs in us-east-1, read on the same day.
pub(crate) const OTHERS: [(&str, f64); 2] = [("AWS HTTP API", 1.00), ("AWS REST API", 3.50)];
