//! `farebox explain`: why a signature does not match.

use anyhow::{Context, bail};
use clap::Args;
use farebox_cli::{
    http::Problem,
    request::{Request, Scheme},
};
use farebox_core::signature::{rfc9421, xca};

use super::request_arguments::{Answered, RequestArguments};
use crate::admin::Connection;

/// Compare your string-to-sign with the server's
///
/// Give the request as your program sends it. With `--message` it is compared with what the server said to your program. Without,
/// it is sent, and compared with what the server says to it. Exits with 1 when the signature does not hold.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  farebox explain --key ak_1 '/v1/echo?b=1&a=2' --message 'Invalid Signature, Server StringToSign:`GET#…`'
  farebox explain --key ak_1 --scheme rfc9421 /v1/echo --message \"$(cat answer.json)\"
  farebox explain --key ak_1 /v1/echo --mine \"$(my-program --print-string-to-sign)\"")]
pub(crate) struct Explain {
    #[command(flatten)]
    drafted: RequestArguments,

    /// What the server answered in X-Ca-Error-Message; with rfc9421 the `string_to_sign` of the problem, or all of it
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
                let server = shown(self.drafted.scheme(), message).context("the message shows no string to sign")?;
                let ours = match self.drafted.scheme() {
                    Scheme::XCa => as_signed_for(&server, &mut request, &self.drafted.key()?)?,
                    Scheme::Rfc9421 => as_covered_by(&server, &mut request)?,
                };
                (ours, server)
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
        print!("{}", side_by_side(self.drafted.scheme(), &mine, &server));
        bail!("the signature does not hold")
    }
}

/// The server's string to sign, out of what it answered to another program.
fn shown(scheme: Scheme, message: &str) -> Option<String> {
    match scheme {
        Scheme::XCa => xca::from_message(message, ""),
        Scheme::Rfc9421 => {
            let problem: Problem = serde_json::from_str(message).unwrap_or_default();
            let text = problem.string_to_sign.unwrap_or_else(|| message.to_owned());
            text.contains(PARAMETERS).then_some(text)
        }
    }
}

/// What begins the last line of a base of RFC 9421.
const PARAMETERS: &str = "\"@signature-params\": ";

/// The base of `request` for the components, the time and the nonce that the server's base says were covered.
fn as_covered_by(server: &str, request: &mut Request) -> anyhow::Result<String> {
    let input = server.rsplit_once(PARAMETERS).map_or("", |(_, input)| input.trim_end());
    if input.contains("\"content-digest\"") && !request.headers.iter().any(|(name, _)| name == "content-digest") {
        request.set("content-digest", rfc9421::content_digest(&request.body));
    }
    request.set("signature-input", format!("sig={input}"));
    request.set("signature", "sig=::");
    request.string_to_sign(Scheme::Rfc9421).context("your request is not what was signed")
}

/// The string to sign of `request`, with what only the server's string tells of the request it refused. That is which headers
/// were signed, and the timestamp and the nonce, which differ in each request.
fn as_signed_for(server: &str, request: &mut Request, key: &str) -> anyhow::Result<String> {
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
    request.string_to_sign(Scheme::XCa)
}

/// Both strings, a line each, and a mark under the first difference.
fn side_by_side(scheme: Scheme, mine: &str, server: &str) -> String {
    let (left, right): (Vec<_>, Vec<_>) = (mine.split('\n').collect(), server.split('\n').collect());
    let difference = xca::explain(mine, server);
    let label = |line: usize| match scheme {
        Scheme::XCa => xca::part(line, left.get(line).or(right.get(line)).copied().unwrap_or_default()),
        // Its lines begin with their names.
        Scheme::Rfc9421 => "",
    };
    let lines = 0..left.len().max(right.len());
    let labels = lines.clone().map(|line| label(line).len()).max().unwrap_or_default();
    let width = left.iter().map(|line| line.chars().count()).max().unwrap_or_default().max("yours".len());
    let row = |label: &str, left: &str, right: &str| {
        let label = if labels == 0 { String::new() } else { format!("{label:<labels$}  ") };
        format!("{label}{left:<width$}  {right}").trim_end().to_owned() + "\n"
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
        let text = side_by_side(Scheme::XCa, "GET\n*/*\n\n\n\n/a?b=1", "GET\n*/*\n\n\n\n/a?b=2");
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
        assert!(side_by_side(Scheme::XCa, "GET\n/", "GET\n/").contains("the secret that differs"));
    }

    #[test]
    fn what_only_the_refused_request_had_is_taken_from_the_servers_string() {
        let server = "GET\n*/*\n\n\n\nX-Ca-Key:key-1\nX-Ca-Nonce:n\nX-Ca-Timestamp:5\n/a?b=2";
        let mut request = Request::new("GET", Url::parse("http://h/a?b=1").unwrap());
        let mine = as_signed_for(server, &mut request, "key-1").unwrap();
        assert_eq!(mine, server.replace("b=2", "b=1"));
    }

    #[test]
    fn a_base_of_rfc_9421_is_compared_line_by_line_for_what_the_refused_request_covered() {
        let server = "\"@query\": ?b=2\n\"@method\": GET\n\"@signature-params\": (\"@query\" \"@method\");keyid=\"k\"";
        let problem = serde_json::json!({ "string_to_sign": server }).to_string();
        assert_eq!(shown(Scheme::Rfc9421, &problem).as_deref(), Some(server));
        assert_eq!(shown(Scheme::Rfc9421, "nothing"), None);
        let mut request = Request::new("GET", Url::parse("http://h/a?b=1").unwrap());
        let mine = as_covered_by(server, &mut request).unwrap();
        assert_eq!(mine, server.replace("b=2", "b=1"));
        let text = side_by_side(Scheme::Rfc9421, &mine, server);
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[1..3], ["\"@query\": ?b=1 \"@query\": ?b=2", "^ ^ first difference"]);
        let other = server.replace("@method", "x-other");
        let missing = format!("{:#}", as_covered_by(&other, &mut request).unwrap_err());
        assert!(missing.contains("it covers \"x-other\", and no such field arrived"), "{missing}");
    }
}
