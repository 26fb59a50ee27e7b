//! Where the client's string to sign and the server's part.
//!
//! Gateways show their string in a header, where a line feed is `#` and what else is not printable ASCII is
//! percent-encoded; [`from_message`] takes that back as far as it can be taken back.

use crate::rejection::header_text;

/// The first place where two strings to sign differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which line, counted from 0.
    pub line: usize,
    /// How many characters of the line are the same.
    pub column: usize,
}

/// The first difference, of the lines as a header shows them; `None` when the two are the same, and it is the secret that differs.
pub fn explain(client: &str, server: &str) -> Option<Difference> {
    let lines = |text: &str| text.split('\n').map(header_text).collect::<Vec<_>>();
    let (client, server) = (lines(client), lines(server));
    let line = (0..client.len().max(server.len())).find(|&line| client.get(line) != server.get(line))?;
    let of = |lines: &[String]| lines.get(line).cloned().unwrap_or_default();
    let (a, b) = (of(&client), of(&server));
    let column = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    Some(Difference { line, column })
}

/// What stands on line `line` of a string to sign, whose text is `text`.
pub fn part(line: usize, text: &str) -> &'static str {
    match line {
        0 => "method",
        1 => "Accept",
        2 => "Content-MD5",
        3 => "Content-Type",
        4 => "Date",
        _ if text.starts_with('/') => "path and parameters",
        _ => "signed header",
    }
}

/// The server's string to sign out of an `X-Ca-Error-Message`, for comparison with `client`, the string that was
/// signed; `None` when the message holds none.
///
/// A `#` in the message may also be a `#` of the request. Where the whole is what `client` looks like in a message, it
/// is `client`; elsewhere each `#` is taken for the end of a line.
pub fn from_message(message: &str, client: &str) -> Option<String> {
    let shown = message.split_once('`')?.1.rsplit_once('`')?.0;
    let same = shown == header_text(client);
    Some(if same { client.to_owned() } else { shown.replace('#', "\n") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "GET\napplication/json\n\n\n\nx-ca-key:k\n/a?b=1";

    #[test]
    fn the_first_difference_is_found() {
        let at = |client: &str| explain(client, SERVER).map(|d| (d.line, d.column));
        assert_eq!(at(SERVER), None);
        assert_eq!(at(&SERVER.replace("json", "xml")), Some((1, 12)));
        assert_eq!(at(&SERVER.replace("b=1", "b=2")), Some((6, 5)));
        assert_eq!(at(&SERVER.replace("x-ca-key:k\n", "")), Some((5, 0)));
        assert_eq!(at(&SERVER.replace("key:k", "key:K")), Some((5, 9)));
    }

    #[test]
    fn the_servers_string_is_read_out_of_the_message() {
        let message = format!("Invalid Signature, Server StringToSign:`{}`", header_text(SERVER));
        assert_eq!(from_message(&message, "GET").as_deref(), Some(SERVER));
        assert_eq!(from_message("Invalid AppKey", "GET"), None);
        let with_hash = "GET\n\n\n\n\n/a?b=#\u{e9}";
        let message = format!("Server StringToSign:`{}`", header_text(with_hash));
        assert_eq!(from_message(&message, with_hash).as_deref(), Some(with_hash));
    }
}
