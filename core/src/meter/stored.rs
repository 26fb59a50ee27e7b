//! How usage is written: in stored bytes, and in text formats.
//!
//! Stored usage was three numbers before there were units, and batches, tills, entries and snapshots hold it so. The highest bit
//! of the calls, which no count comes to, says that two more numbers follow. Invariant: usage without units and without uncharged
//! calls has the bytes that it always had. What was written before is read as it was.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, SeqAccess, Visitor},
};

use super::Usage;

/// Set in the stored calls where units and calls that are not charged follow the bytes.
const GOES_ON: u64 = 1 << 63;

/// The numbers of stored usage at most.
const NUMBERS: usize = 5;

/// Usage in text formats: without what is nothing of what came later.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Usage")]
struct Shown {
    calls: u64,
    ingress_bytes: u64,
    egress_bytes: u64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    units: u64,
    #[serde(default, skip_serializing_if = "is_nothing")]
    uncharged: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference, and on wasm32 it is as large")]
const fn is_nothing(number: &u64) -> bool {
    *number == 0
}

impl Serialize for Usage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { calls, ingress_bytes, egress_bytes, units, uncharged } = *self;
        if serializer.is_human_readable() {
            return Shown { calls, ingress_bytes, egress_bytes, units, uncharged }.serialize(serializer);
        }
        let calls = calls.min(GOES_ON - 1);
        if units == 0 && uncharged == 0 {
            return (calls, ingress_bytes, egress_bytes).serialize(serializer);
        }
        (calls | GOES_ON, ingress_bytes, egress_bytes, units, uncharged).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Usage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return deserializer.deserialize_tuple(NUMBERS, Stored);
        }
        let Shown { calls, ingress_bytes, egress_bytes, units, uncharged } = Shown::deserialize(deserializer)?;
        Ok(Self { calls, ingress_bytes, egress_bytes, units, uncharged })
    }
}

struct Stored;

impl<'de> Visitor<'de> for Stored {
    type Value = Usage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("three numbers of usage, or five")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<Usage, A::Error> {
        let mut next = |at| numbers.next_element::<u64>()?.ok_or_else(|| A::Error::invalid_length(at, &"usage"));
        let (calls, ingress_bytes, egress_bytes) = (next(0)?, next(1)?, next(2)?);
        let (units, uncharged) = if calls & GOES_ON == 0 { (0, 0) } else { (next(3)?, next(4)?) };
        Ok(Usage { calls: calls & !GOES_ON, ingress_bytes, egress_bytes, units, uncharged })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usage_of_before_there_were_units_has_the_bytes_that_it_had() {
        let usage = Usage { calls: 1, ingress_bytes: 2, egress_bytes: 300, ..Usage::NONE };
        assert_eq!(postcard::to_allocvec(&usage).unwrap(), [1, 2, 0xac, 2]);
        assert_eq!(postcard::from_bytes(&[1, 2, 0xac, 2]), Ok(usage));
        assert_eq!(serde_json::to_string(&usage).unwrap(), r#"{"calls":1,"ingress_bytes":2,"egress_bytes":300}"#);
        let more = Usage { units: 4, uncharged: 5, ..usage };
        let bytes = [0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 2, 0xac, 2, 4, 5];
        assert_eq!(postcard::to_allocvec(&more).unwrap(), bytes, "pinned: books hold it so");
        assert!(postcard::from_bytes::<Usage>(&bytes[..13]).is_err(), "cut");
    }

    proptest! {
        #[test]
        fn usage_reads_back_beside_whatever_follows_it(calls in 0..GOES_ON, units in 0..9u64, uncharged in 0..9u64, after: u64) {
            let usage = Usage { calls, ingress_bytes: after, egress_bytes: calls, units, uncharged };
            let bytes = postcard::to_allocvec(&(usage, after)).unwrap();
            prop_assert_eq!(postcard::from_bytes::<(Usage, u64)>(&bytes), Ok((usage, after)));
            let text = serde_json::to_string(&usage).unwrap();
            prop_assert_eq!(serde_json::from_str::<Usage>(&text).unwrap(), usage);
        }
    }
}
