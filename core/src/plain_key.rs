//! Names that vouch for themselves: keys, and the plain keys that a caller sends as they are.
//!
//! A plain key is `{prefix}_live_`, 26 random characters, a tag of 5 and a checksum of 6. It begins with `{prefix}_test_` where
//! its calls are not charged: `fb_live_…`. Whoever finds one in a text knows it by its prefix and its checksum, without asking
//! anybody: that is what secret scanners look for. The tag is made with the master key, so the gateway knows one that was made
//! up, also with a right checksum.
//!
//! Invariant: of a plain key nothing is kept but its SHA-256 and its last four characters. What is not of our form may be
//! another system's, and is never refused for its form.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use sha2::{Digest, Sha256};

use crate::credential::MasterKey;

/// What plain keys begin with where the provider says nothing else.
pub const PREFIX: &str = "fb";

/// The longest prefix, in characters.
const LONGEST_PREFIX: usize = 16;

/// What stands between a prefix and the random part.
const LIVE: &str = "_live_";
const TEST: &str = "_test_";

/// How many characters the random part, the tag and the checksum have.
const RANDOM: usize = 26;
const TAG: usize = 5;
const CHECKSUM: usize = 6;

/// Without a table: it is computed over so little that a table would only make the module larger.
const CRC32: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether `text` can be what a provider's plain keys begin with: a lower-case letter, and up to 15 more or digits.
pub fn is_prefix(text: &str) -> bool {
    text.len() <= LONGEST_PREFIX
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// What is stored of a plain key or an app code: its SHA-256 in base64.
pub fn hash(plain_key: &str) -> String {
    STANDARD.encode(Sha256::digest(plain_key.as_bytes()))
}

/// A SHA-256 as another system writes it, in hexadecimal digits or base64 of either alphabet, as [`hash`] has it. `None` when it
/// is none.
pub fn imported_hash(text: &str) -> Option<String> {
    let bytes = if text.len() == 64 { from_hex(text)? } else { from_base64(text)? };
    (bytes.len() == 32).then(|| STANDARD.encode(bytes))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?)).collect()
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let usual = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    URL_SAFE_NO_PAD.decode(usual).ok()
}

/// What is shown of a plain key later: its last four characters.
pub fn last_four(plain_key: &str) -> String {
    let at = plain_key.char_indices().rev().nth(3).map_or(0, |(at, _)| at);
    plain_key[at..].to_owned()
}

/// Whether a text has the form of one of our plain keys, whoever made it: then it must not reach an upstream.
pub fn is_of_form(text: &str) -> bool {
    Parts::of(text).is_some_and(|parts| parts.has_checksum())
}

/// A text that may be a plain key, taken apart.
struct Parts<'a> {
    prefix: &'a str,
    /// What the tag is made over.
    untagged: &'a str,
    /// What the checksum is made over.
    unchecked: &'a str,
    text: &'a str,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let at = text.len().checked_sub(RANDOM + TAG + CHECKSUM).filter(|_| text.bytes().all(is_usual))?;
        let prefix = text[..at].strip_suffix(LIVE).or_else(|| text[..at].strip_suffix(TEST));
        let prefix = prefix.filter(|prefix| is_prefix(prefix))?;
        let unchecked = &text[..text.len() - CHECKSUM];
        Some(Self { prefix, untagged: &text[..at + RANDOM], unchecked, text })
    }

    fn has_checksum(&self) -> bool {
        self.text[self.unchecked.len()..] == checksum(self.unchecked)
    }
}

/// The CRC32 (ISO-HDLC) of a text in base62, six digits.
fn checksum(text: &str) -> String {
    let mut rest = CRC32.checksum(text.as_bytes()) as usize;
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[rest % 62];
        rest /= 62;
    }
    digits.map(char::from).iter().collect()
}

impl MasterKey {
    /// A credential's key out of `random`, 16 characters: `ak_`, these, `_` and a tag of 8 hexadecimal digits.
    pub fn tagged_key(&self, random: &str) -> String {
        self.tagged(format!("ak_{random}_"), 8)
    }

    /// A plain key out of `random`, 26 characters of base32, which are 128 bits; `is_test`: one of a test credential, which its
    /// text says too.
    pub fn plain_key(&self, prefix: &str, is_test: bool, random: &str) -> String {
        let stage = if is_test { TEST } else { LIVE };
        let mut key = self.tagged(format!("{prefix}{stage}{random}"), TAG);
        key.push_str(&checksum(&key));
        key
    }

    /// An app code out of `random`, 26 characters, as they were before there were plain keys: `z`, these, and a tag of 5
    /// hexadecimal digits. They stay good.
    pub fn tagged_app_code(&self, random: &str) -> String {
        self.tagged(format!("z{random}"), TAG)
    }

    /// Whether this master key made a credential's key; `None` when it has another form than those with a tag, as they had
    /// before there were tags, and may be somebody's. Nobody has one that was made up, and no store need be asked.
    pub fn made_key(&self, key: &str) -> Option<bool> {
        self.has_tag(key, 28, "ak_").filter(|_| key.as_bytes()[19] == b'_')
    }

    /// The same of a plain key or an app code. One with another prefix than `prefix` and [`PREFIX`] may be another system's,
    /// unless its tag is ours.
    pub fn made_plain_key(&self, text: &str, prefix: &str) -> Option<bool> {
        if let Some(parts) = Parts::of(text) {
            let tagged = || self.tagged(parts.untagged.to_owned(), TAG) == parts.unchecked;
            let is_ours = parts.has_checksum() && tagged();
            return (is_ours || [prefix, PREFIX].contains(&parts.prefix)).then_some(is_ours);
        }
        self.has_tag(text, 32, "z")
    }

    /// Whether what follows all but the last characters of `name` is their tag; `None` when it has not this form.
    fn has_tag(&self, name: &str, length: usize, begins: &str) -> Option<bool> {
        let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let is_of_form = name.len() == length && name.starts_with(begins) && name.bytes().all(is_lower);
        let digits = if begins == "z" { TAG } else { 8 };
        is_of_form.then(|| self.tagged(name[..length - digits].to_owned(), digits) == name)
    }

    /// `name` with a few hexadecimal digits that authenticate it. So few keep no secret: they spare look-ups.
    fn tagged(&self, mut name: String, digits: usize) -> String {
        let digest = self.tag_of(&name);
        let nibble = |at: usize| digest[at / 2] >> (4 * (at % 2)) & 15;
        name.extend((0..digits).map(|at| char::from(b"0123456789abcdef"[usize::from(nibble(at))])));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> MasterKey {
        MasterKey::from_base64(&STANDARD.encode([byte; 32])).unwrap()
    }

    const RANDOM_PART: &str = "0123456789abcdefghjkmnpqrs";

    #[test]
    fn a_tag_tells_what_this_key_made_from_what_is_made_up() {
        let (ours, other) = (master(7), master(8));
        let (key, code) = (ours.tagged_key("0123456789abcdef"), ours.tagged_app_code(RANDOM_PART));
        assert_eq!((key.len(), code.len()), (28, 32));
        let made_up = |name: &str| name.replacen("0123", "4567", 1);
        assert_eq!((ours.made_key(&key), other.made_key(&key)), (Some(true), Some(false)));
        assert_eq!(ours.made_key(&made_up(&key)), Some(false));
        assert_eq!((ours.made_plain_key(&code, "fb"), other.made_plain_key(&code, "fb")), (Some(true), Some(false)));
        assert_eq!(ours.made_plain_key(&made_up(&code), "fb"), Some(false));
        let another =
            ["", "ak_1", "ak_0123456789abcdef", "00112233445566778899aabbccddeeff", "z0112233445566778899AABBCCDDEEFF"];
        for name in another.into_iter().chain([&*"\u{e9}".repeat(14), &*format!("z{}z", "\u{e9}".repeat(15))]) {
            assert_eq!((ours.made_key(name), ours.made_plain_key(name, "fb")), (None, None), "{name}");
        }
    }

    #[test]
    fn a_plain_key_is_known_by_its_checksum_and_its_maker_by_its_tag() {
        let key = master(7).plain_key("fb", false, RANDOM_PART);
        assert_eq!((&key[..34], key.len()), ("fb_live_0123456789abcdefghjkmnpqrs", 45));
        assert!(is_of_form(&key), "{key}");
        assert_eq!(key[39..], checksum(&key[..39]));
        assert_eq!(
            (master(7).made_plain_key(&key, "fb"), master(8).made_plain_key(&key, "fb")),
            (Some(true), Some(false))
        );
        // One with a right checksum that somebody made up, and one with a typing error.
        let made_up = master(8).plain_key("fb", false, RANDOM_PART);
        let mistyped = key.replacen('0', "1", 1);
        assert_eq!((is_of_form(&made_up), is_of_form(&mistyped)), (true, false));
        for wrong in [made_up, mistyped] {
            assert_eq!(master(7).made_plain_key(&wrong, "acme"), Some(false), "{wrong}");
        }
    }

    #[test]
    fn what_has_anothers_prefix_is_refused_only_where_it_is_the_providers() {
        let ours = master(7).plain_key("acme", false, RANDOM_PART);
        let foreign = master(8).plain_key("acme", false, RANDOM_PART);
        assert_eq!(master(7).made_plain_key(&ours, "other"), Some(true), "the prefix was changed since");
        assert_eq!(master(7).made_plain_key(&foreign, "other"), None);
        assert_eq!(master(7).made_plain_key(&foreign, "acme"), Some(false));
        for another in ["sk_live_51H", "sk-proj-abc", "fb_live_", &foreign.replace("_live_", "_LIVE_")] {
            assert_eq!(master(7).made_plain_key(another, "acme"), None, "{another}");
        }
    }

    #[test]
    fn a_checksum_is_the_crc32_that_scanners_compute() {
        // The check value of CRC-32/ISO-HDLC is 0xCBF43926, which is 3,421,780,262.
        let value = checksum("123456789")
            .bytes()
            .fold(0, |sum: u64, digit| sum * 62 + BASE62.iter().position(|of| *of == digit).unwrap() as u64);
        assert_eq!(value, 0xCBF4_3926);
    }

    #[test]
    fn a_hash_is_imported_as_it_is_written_anywhere() {
        let stored = hash("sk-old");
        let digest = Sha256::digest(b"sk-old");
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let url_safe = URL_SAFE_NO_PAD.encode(digest);
        for written in
            [hex.to_uppercase(), hex.clone(), stored.clone(), url_safe, stored.trim_end_matches('=').to_owned()]
        {
            assert_eq!(imported_hash(&written).as_ref(), Some(&stored), "{written}");
        }
        for wrong in ["", "sk-old", &hex[1..], &format!("{}g", &hex[1..]), &stored[4..], &"\u{e9}".repeat(32)] {
            assert_eq!(imported_hash(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn four_characters_are_shown() {
        assert_eq!(last_four("fb_live_abcd"), "abcd");
        assert_eq!((last_four("abc"), last_four("a\u{e9}bcd")), ("abc".to_owned(), "\u{e9}bcd".to_owned()));
    }

    #[test]
    fn a_prefix_is_short_and_plain() {
        for right in ["fb", "a", "acme2"] {
            assert!(is_prefix(right), "{right}");
        }
        for wrong in ["", "2a", "Acme", "a_b", "a-b", "abcdefghijklmnopq", "\u{e9}"] {
            assert!(!is_prefix(wrong), "{wrong}");
        }
    }
}
