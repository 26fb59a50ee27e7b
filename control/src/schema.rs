//! How the values of the core look in JSON, for the API's description: those that only the API itself shows. The others are
//! in [`farebox_ports::schema`], beside the reports.

use farebox_ports::stand_ins;
use schemars::json_schema;

stand_ins! {
    /// A range of addresses.
    AddressRangeText => json_schema!({
        "type": "string", "examples": ["192.0.2.0/24"], "description": "One address, or a range in CIDR notation.",
        "anyOf": [
            { "pattern": "^(25[0-5]|(2[0-4]|1[0-9]|[1-9]?)[0-9])([.](25[0-5]|(2[0-4]|1[0-9]|[1-9]?)[0-9])){3}(/(3[0-2]|[12]?[0-9]))?$" },
            { "pattern": "^[0-9a-fA-F:.]{2,45}(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?$" }
        ]
    });
    /// Where a webhook is sent to.
    WebhookUrl => json_schema!({
        "type": "string", "pattern": "^https://[a-z0-9]{1,63}([.][a-z0-9]{1,63}){0,2}[.][a-z]{2,10}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9._~/-]{0,200})?$",
        "examples": ["https://acme.example/farebox"], "description": "Begins with https://; on the same machine, http:// too."
    });
    /// A webhook's body.
    WebhookMessage => json_schema!({
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": { "enum": farebox_core::webhook::TYPES },
            "timestamp": { "type": "string", "format": "date-time", "description": "When it happened." },
            "data": {
                "type": "object",
                "description": "What happened. Of what is in an account's book, the account and the number of the entry.",
                "properties": {
                    "account": { "type": "string" },
                    "entry": { "type": "integer", "minimum": 1 },
                    "currency": { "type": "string" }
                }
            }
        }
    });
    /// What a webhook tells of.
    MessageType => json_schema!({ "enum": farebox_core::webhook::TYPES });
    /// A ledger entry.
    LedgerEntry => json_schema!({
        "type": "object",
        "description": "One entry of the account's book. Its postings sum to zero; its hash is made with the one before.",
        "required": ["seq", "at", "event", "postings", "prev", "hash"],
        "properties": {
            "seq": { "type": "integer", "minimum": 1 },
            "at": { "type": "string", "format": "date-time" },
            "event": { "description": "What happened: its one member names it." },
            "postings": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["book", "amount"],
                    "properties": {
                        "book": { "enum": ["balance", "deferred_revenue", "revenue", "payments", "adjustments"] },
                        "amount": { "type": "string", "description": "A decimal; negative out of the book." }
                    }
                }
            },
            "prev": { "type": "string" },
            "hash": { "type": "string" }
        }
    });
    /// A compiled catalog.
    CompiledCatalog => json_schema!({
        "type": "object", "additionalProperties": true, "description": "What gateways read."
    });
    /// An OpenAPI document of version 3.
    OpenApiDocument => json_schema!({
        "type": "object", "required": ["openapi", "paths"], "additionalProperties": true,
        "properties": {
            "openapi": { "type": "string", "pattern": "^3[.]" },
            "paths": { "type": "object", "additionalProperties": true }
        }
    });
    /// A difference between two catalogs.
    CatalogChange => json_schema!({
        "type": "object",
        "required": ["change", "subject"],
        "properties": {
            "change": { "enum": ["added", "removed", "changed"] },
            "subject": { "type": "string" },
            "summary": { "type": "string" },
            "aspect": { "type": "string" },
            "before": { "type": "string" },
            "after": { "type": "string" }
        }
    });
    /// What a settlement run did.
    SettlementReport => json_schema!({
        "type": "object",
        "required": ["at", "windows", "batches", "applied", "known", "refused", "left"],
        "properties": {
            "at": { "type": "string", "format": "date-time", "description": "When it began." },
            "windows": { "type": "integer", "minimum": 0, "description": "Minutes of the journal that were walked." },
            "batches": { "type": "integer", "minimum": 0, "description": "Batches that were found there." },
            "applied": { "type": "integer", "minimum": 0, "description": "Booked now." },
            "known": { "type": "integer", "minimum": 0, "description": "Booked before." },
            "refused": { "type": "integer", "minimum": 0, "description": "Not booked, and kept with the reason." },
            "left": { "type": "integer", "minimum": 0, "description": "Left for the next run." },
            "lag_seconds": { "type": "integer", "minimum": 0, "description": "Age of the oldest usage that was not handed in." },
            "operations": { "type": "integer", "minimum": 0, "description": "What the platform was asked for." }
        }
    });
    /// A statement.
    SealedStatement => json_schema!({
        "type": "object",
        "description": "Can be checked without the provider: balances, the chain of the entries, and the seal.",
        "required": ["account", "currency", "from", "until", "opening", "entries", "usage", "charges", "closing", "seal"],
        "properties": {
            "account": { "type": "string" },
            "currency": { "type": "string" },
            "from": { "type": "string", "format": "date-time" },
            "until": { "type": "string", "format": "date-time" },
            "opening": { "type": "string" },
            "entries": { "type": "array", "items": { "type": "object", "additionalProperties": true } },
            "usage": { "type": "object", "additionalProperties": true },
            "charges": { "type": "array", "items": { "type": "object", "additionalProperties": true } },
            "closing": { "type": "string" },
            "seal": { "type": "string" }
        }
    });
    /// A batch that no account would book.
    RefusedBatch => json_schema!({
        "type": "object",
        "required": ["batch", "reason"],
        "properties": {
            "batch": { "type": "string", "description": "Its key in the usage journal." },
            "account": { "type": ["string", "null"] },
            "reason": { "type": "string" },
            "content": { "description": "What was refused, where it could be read." }
        }
    });
    /// What is wrong with a catalog.
    CatalogProblem => json_schema!({
        "type": "object",
        "required": ["line", "column", "path", "reason"],
        "properties": {
            "line": { "type": "integer", "minimum": 1 },
            "column": { "type": "integer", "minimum": 1 },
            "path": { "type": "string" },
            "reason": { "type": "string" }
        }
    });
}
