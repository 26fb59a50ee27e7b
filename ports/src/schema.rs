//! How the values of the core look in JSON, for the API's description.
//!
//! The core knows nothing of schemas. Each of its values that the API shows has a stand-in here, named in the type that holds it
//! (`#[schemars(with = "…")]`). Stand-ins are never made.

use farebox_core::meter::Meter;
use schemars::json_schema;

/// Makes stand-ins: types that are never made, whose schema is the one given.
#[macro_export]
macro_rules! stand_ins {
    ($($(#[$doc:meta])* $name:ident => $schema:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl ::schemars::JsonSchema for $name {
            fn schema_name() -> ::std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut ::schemars::SchemaGenerator) -> ::schemars::Schema {
                $schema
            }
        }
    )+};
}

stand_ins! {
    /// An amount of money.
    Amount => json_schema!({
        "type": "string", "pattern": "^-?[0-9]{1,13}([.][0-9]{1,6})?$", "examples": ["5.00"],
        "description": "Money, as a decimal, read exactly or refused: at most 9223372036854.775807."
    });
    /// A currency.
    CurrencyCode => json_schema!({
        "type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"], "description": "An ISO 4217 code."
    });
    /// An id of any kind.
    Id => json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$" });
    /// A moment.
    Time => json_schema!({ "type": "string", "format": "date-time", "description": "RFC 3339, in UTC." });
    /// A meter's name.
    MeterName => json_schema!({ "enum": Meter::ALL.map(Meter::as_str) });
    /// The name of a limit's period.
    LimitPeriodName => json_schema!({ "enum": ["day", "week", "month"] });
    /// A number per meter.
    PerMeterName => json_schema!({
        "type": "object", "additionalProperties": { "type": "integer", "minimum": 0 },
        "propertyNames": { "enum": Meter::ALL.map(Meter::as_str) }
    });
    /// What was used.
    UsageCounts => json_schema!({
        "type": "object",
        "required": ["calls", "ingress_bytes", "egress_bytes"],
        "properties": {
            "calls": { "type": "integer", "minimum": 0, "description": "Calls that are charged." },
            "ingress_bytes": { "type": "integer", "minimum": 0, "description": "Bytes of request bodies." },
            "egress_bytes": { "type": "integer", "minimum": 0, "description": "Bytes of response bodies." },
            "units": {
                "type": "integer", "minimum": 0,
                "description": "Units that the calls came to. Left out where there are none."
            },
            "uncharged": {
                "type": "integer", "minimum": 0,
                "description": "Calls that went to the upstream and are not charged. Left out where there are none."
            }
        }
    });
}
