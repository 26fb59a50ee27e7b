//! How a seal is written: whole in stored bytes, and in few words in text formats, because a statement has one an hour.
//!
//! Invariant: both forms hold the same, and what is written reads back.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeStruct};

use super::seal::{UsageSealed, WriterRanges};
use crate::id::WriterId;

impl Serialize for UsageSealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all = !serializer.is_human_readable();
        let mut fields = serializer.serialize_struct("UsageSealed", 9)?;
        macro_rules! lists {
            ($($name:ident)+) => {$(
                if all || !self.$name.is_empty() {
                    fields.serialize_field(stringify!($name), &self.$name)?;
                }
            )+};
        }
        // In the order of the fields, which is the stored form.
        lists!(usage charges burns begun ended batches lapsed late);
        fields.serialize_field("issued", &self.issued)?;
        fields.end()
    }
}

impl fmt::Display for WriterRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.writer)?;
        for (at, (first, last)) in self.ranges.iter().enumerate() {
            write!(f, "{}{first}", if at == 0 { ':' } else { ',' })?;
            if last > first {
                write!(f, "-{last}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for WriterRanges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (&self.writer, &self.ranges).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for WriterRanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            let (writer, ranges) = Deserialize::deserialize(deserializer)?;
            return Ok(Self { writer, ranges });
        }
        let text = String::deserialize(deserializer)?;
        read(&text).ok_or_else(|| D::Error::custom("batches are an instance's id and runs of numbers"))
    }
}

/// Reads what stands in a text format.
fn read(text: &str) -> Option<WriterRanges> {
    let (writer, runs) = text.split_once(':')?;
    let writer: WriterId = writer.parse().ok()?;
    let run = |run: &str| {
        let (first, last) = run.split_once('-').unwrap_or((run, run));
        Some((first.parse().ok()?, last.parse().ok()?))
    };
    Some(WriterRanges { writer, ranges: runs.split(',').map(run).collect::<Option<_>>()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_seal_read_back() {
        let ranges = WriterRanges { writer: "w1".parse().unwrap(), ranges: vec![(3, 182), (190, 190)] };
        assert_eq!(serde_json::to_string(&ranges).unwrap(), "\"w1:3-182,190\"");
        let empty = UsageSealed { issued: 7, ..UsageSealed::default() };
        assert_eq!(serde_json::to_string(&empty).unwrap(), "{\"issued\":7}");
        for sealed in [UsageSealed { batches: vec![ranges], ..empty.clone() }, empty] {
            let (text, bytes) = (serde_json::to_string(&sealed).unwrap(), postcard::to_allocvec(&sealed).unwrap());
            assert_eq!(serde_json::from_str::<UsageSealed>(&text).unwrap(), sealed);
            assert_eq!(postcard::from_bytes::<UsageSealed>(&bytes).unwrap(), sealed);
        }
        for wrong in ["w1", "w1:", "w1:3-", "w 1:3", "w1:3,,4"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
