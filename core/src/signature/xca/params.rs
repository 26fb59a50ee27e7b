//! The parameters in the string to sign: query and form together, sorted, each name once.
//!
//! The clients disagree on which value of a name counts and on how an empty one looks; each disagreement that a public
//! client has is a [`Dialect`]. Invariant: the dialects are a fixed list, so a request costs a bounded amount of work
//! however it is made.

use std::borrow::Cow;

use url::form_urlencoded;

/// Parameters sorted by name; of one name those of the form first, each part in the order sent.
pub(super) struct Params<'a>(Vec<Param<'a>>);

struct Param<'a> {
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    in_form: bool,
}

/// How a client writes parameters into its string to sign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    /// Whether the query is signed as it stands in the URL instead of decoded.
    pub(super) raw_query: bool,
    /// Where the value of a name that stands in query and form is taken from.
    wins: Wins,
    /// What a name that comes several times counts as.
    repeated: Repeated,
    /// Which values leave no more than the name, without `=`.
    bare: Bare,
}

#[derive(Debug, Clone, Copy)]
enum Wins {
    Form,
    Query,
}

#[derive(Debug, Clone, Copy)]
enum Repeated {
    First,
    Joined,
}

#[derive(Debug, Clone, Copy)]
enum Bare {
    Never,
    Empty,
    Blank,
    Falsy,
}

impl Dialect {
    /// What the documents say and most clients do.
    pub(super) const DOCUMENTED: Self =
        Self { raw_query: false, wins: Wins::Form, repeated: Repeated::First, bare: Bare::Empty };

    /// What else is in use, the more usual first.
    pub(super) const OTHERS: [Self; 7] = [
        // Node turns the values of a repeated name into one text, joined by commas.
        Self { repeated: Repeated::Joined, ..Self::DOCUMENTED },
        // .NET writes the `=` of an empty value.
        Self { bare: Bare::Never, ..Self::DOCUMENTED },
        // Higress does too, and lets the query win.
        Self { bare: Bare::Never, wins: Wins::Query, ..Self::DOCUMENTED },
        // Alibaba's own older servers let the query win.
        Self { wins: Wins::Query, ..Self::DOCUMENTED },
        // Java takes a value of white space for an empty one.
        Self { bare: Bare::Blank, ..Self::DOCUMENTED },
        // Older Java and Python clients do not decode the query.
        Self { raw_query: true, bare: Bare::Blank, ..Self::DOCUMENTED },
        // Older Node clients take 0 and false for empty.
        Self { repeated: Repeated::Joined, bare: Bare::Falsy, ..Self::DOCUMENTED },
    ];
}

impl<'a> Params<'a> {
    /// Reads the query and the body of a form. Both are decoded as the URL standard says (`+` is a space, bytes that
    /// are not UTF-8 become U+FFFD), the query only unless it is to stay raw.
    pub(super) fn read(query: Option<&'a str>, form: &'a [u8], raw_query: bool) -> Self {
        let form = form_urlencoded::parse(form).map(|(name, value)| Param { name, value, in_form: true });
        let mut params: Vec<_> = form.collect();
        let query = query.unwrap_or_default();
        if raw_query {
            params.extend(query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Param { name: name.into(), value: value.into(), in_form: false }
            }));
        } else {
            let query = form_urlencoded::parse(query.as_bytes());
            params.extend(query.map(|(name, value)| Param { name, value, in_form: false }));
        }
        // Java, Node and .NET compare UTF-16 units; that is another order than that of bytes beyond U+FFFF.
        params.sort_by(|a, b| a.name.encode_utf16().cmp(b.name.encode_utf16()));
        Self(params)
    }

    /// Appends `?k1=v1&k2=v2`, or nothing when there are no parameters.
    pub(super) fn write(&self, text: &mut String, dialect: Dialect) {
        let mut separator = '?';
        for same_name in self.0.chunk_by(|a, b| a.name == b.name) {
            text.push(separator);
            separator = '&';
            text.push_str(&same_name[0].name);
            dialect.write_value(text, same_name);
        }
    }
}

impl Dialect {
    fn write_value(self, text: &mut String, same_name: &[Param<'_>]) {
        let (form, query) = same_name.split_at(same_name.partition_point(|param| param.in_form));
        let values = match self.wins {
            Wins::Form if form.is_empty() => query,
            Wins::Query if !query.is_empty() => query,
            Wins::Form | Wins::Query => form,
        };
        let name_ends = text.len();
        let mut separator = '=';
        for param in values {
            text.push(separator);
            text.push_str(&param.value);
            separator = ',';
            if matches!(self.repeated, Repeated::First) {
                break;
            }
        }
        let value = &text[name_ends + 1..];
        let is_bare = match self.bare {
            Bare::Never => false,
            Bare::Empty => value.is_empty(),
            Bare::Blank => value.trim().is_empty(),
            Bare::Falsy => matches!(value, "" | "0" | "false"),
        };
        if is_bare {
            text.truncate(name_ends);
        }
    }
}
