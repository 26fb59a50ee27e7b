//! `farebox explain`: why a signature does not match.

use anyhow::{Context, bail};
use clap::Args;
use farebox_cli::request::Request;
use farebox_core::signature::xca;

use super::drafted::{Answered, Drafted};
use crate::admin::Connection;

/// Show where your string to sign and the server's part
///
/// Give the request as your program sends it. With `--message` it is compared with what the server said to your
/// program; without, it is sent, and compared with what the server says to it.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  farebox explain --key ak_1 '/v1/echo?b=1&a=2' --message 'Invalid Signature, Server StringToSign:`GET#…`'
  farebox explain --key ak_1 /v1/echo --mine \"$(my-program --print-string-to-sign)\"")]
pub(crate) struct Explain {
    #[command(flatten)]
    drafted: Drafted,

    /// What the server answered in X-Ca-Error-Message
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,

    /// The string that your program signed, with line feeds or `#` between its lines, in place of ours
    #[arg(long, value_name = "TEXT")]
    mine: Option<String>,
}

impl Explain {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let mut request = self.drafted.request(&connection.settings()?.gateway)?;
        let (ours, server) = match &self.message {
            Some(message) => {
                let server = xca::from_message(message, "").context("the message shows no string to sign")?;
                (as_signed_for(&server, &mut request, &self.drafted.key()?), server)
            }
            None => {
                let (ours, answered) = self.drafted.send(request)?;
                let (problem, message) = match answered {
                    Answered::Refused { problem, message, .. } => (problem, message),
                    Answered::Passed(answer) => {
                        println!("The signature holds: the server answered {}.", answer.status());
                        return Ok(());
                    }
                };
                let shown = problem.string_to_sign.clone().or_else(|| xca::from_message(&message, &ours));
                let Some(server) = shown else { bail!(problem) };
                (ours, server)
            }
        };
        let mine = self.mine.map_or(ours, |mine| if mine.contains('\n') { mine } else { mine.replace('#', "\n") });
        print!("{}", side_by_side(&mine, &server));
        Ok(())
    }
}

/// The string to sign of `request` with what only the server's string tells of the request it refused: which headers
/// were signed, and the timestamp and the nonce, which are others in each request.
fn as_signed_for(server: &str, request: &mut Request, key: &str) -> String {
    let signed = server.split('\n').skip(5).filter(|line| !line.starts_with('/'));
    let signed: Vec<_> = signed.filter_map(|line| line.split_once(':')).collect();
    let names: Vec<_> = signed.iter().map(|(name, _)| *name).collect();
    request.set("x-ca-signature-headers", names.join(","));
    request.set("x-ca-key", key);
    for (name, value) in signed {
        if ["x-ca-timestamp", "x-ca-nonce"].iter().any(|each| each.eq_ignore_ascii_case(name)) {
            request.set(name, value);
        }
    }
    request.string_to_sign()
}

/// Both strings, a line each, and a mark under the first difference.
fn side_by_side(mine: &str, server: &str) -> String {
    let (left, right): (Vec<_>, Vec<_>) = (mine.split('\n').collect(), server.split('\n').collect());
    let difference = xca::explain(mine, server);
    let label = |line: usize| xca::part(line, left.get(line).or(right.get(line)).copied().unwrap_or_default());
    let lines = 0..left.len().max(right.len());
    let labels = lines.clone().map(|line| label(line).len()).max().unwrap_or_default();
    let width = left.iter().map(|line| line.chars().count()).max().unwrap_or_default().max("yours".len());
    let row = |label: &str, left: &str, right: &str| {
        format!("{label:<labels$}  {left:<width$}  {right}").trim_end().to_owned() + "\n"
    };
    let mut text = row("", "yours", "the server's");
    for line in lines {
        let of = |side: &[&str]| side.get(line).copied().unwrap_or_default().to_owned();
        text += &row(label(line), &of(&left), &of(&right));
        if let Some(difference) = difference.as_ref().filter(|difference| difference.line == line) {
            let mark = " ".repeat(difference.column) + "^";
            text += &row("", &mark, &format!("{mark} first difference"));
        }
    }
    if difference.is_none() {
        text += "\nBoth are the same: it is the secret that differs, or the signature is not the base64 of the HMAC.\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn the_first_difference_is_marked_on_both_sides() {
        let text = side_by_side("GET\n*/*\n\n\n\n/a?b=1", "GET\n*/*\n\n\n\n/a?b=2");
        let expected = [
            "                     yours   the server's",
            "method               GET     GET",
            "Accept               */*     */*",
            "Content-MD5",
            "Content-Type",
            "Date",
            "path and parameters  /a?b=1  /a?b=2",
            "                          ^       ^ first difference",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        assert!(side_by_side("GET\n/", "GET\n/").contains("the secret that differs"));
    }

    #[test]
    fn what_only_the_refused_request_had_is_taken_from_the_servers_string() {
        let server = "GET\n*/*\n\n\n\nX-Ca-Key:key-1\nX-Ca-Nonce:n\nX-Ca-Timestamp:5\n/a?b=2";
        let mut request = Request::new("GET", Url::parse("http://h/a?b=1").unwrap());
        let mine = as_signed_for(server, &mut request, "key-1");
        assert_eq!(mine, server.replace("b=2", "b=1"));
    }
}
