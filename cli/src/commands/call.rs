//! `farebox call`: sign a request and send it.

use anyhow::bail;
use clap::Args;
use farebox_cli::http::Problem;
use url::Url;

use super::request_arguments::{Answered, RequestArguments};
use crate::admin::Connection;

/// Sign a request and send it, like curl
///
/// Without a credential it is sent unsigned, and the gateway says what the product takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  export FAREBOX_SECRET=…
  farebox call --key ak_1 '/v1/echo?city=Oslo'
  farebox call --credential-file bob.json /v1/echo
  farebox call --key ak_1 --scheme rfc9421 '/v1/echo?city=Oslo'
  farebox call --key ak_1 --json '{\"a\":1}' -X PUT https://api.example/v1/echo")]
pub(crate) struct Call {
    #[command(flatten)]
    drafted: RequestArguments,

    /// Print the answer's status and headers too
    #[arg(short, long)]
    include: bool,
}

impl Call {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let request = self.drafted.request(&connection.settings()?.gateway)?;
        let (url, method) = (request.url.clone(), request.method.clone());
        let answered = if self.drafted.has_credential() {
            self.drafted.send(request)?.1
        } else {
            self.drafted.send_unsigned(&request)?
        };
        let answer = match answered {
            Answered::Passed(answer) => answer,
            Answered::Refused { problem, head, .. } => {
                if self.include {
                    println!("{head}");
                }
                bail!(with_a_line(problem, &method, &url))
            }
        };
        if self.include {
            println!("{}", answer.head());
        }
        let status = answer.status();
        std::io::copy(&mut answer.into_reader(), &mut std::io::stdout().lock())?;
        if status >= 400 {
            bail!("the server answered {status}");
        }
        Ok(())
    }
}

/// The problem; where the gateway takes a plain key or an app code and got no credential, with the line that sends one.
fn with_a_line(mut problem: Problem, method: &str, url: &Url) -> Problem {
    let scheme = ["APPCODE", "Bearer"].into_iter().find(|scheme| problem.detail.contains(scheme));
    if let ("credential.missing", Some(scheme)) = (problem.code.as_str(), scheme) {
        let method = if method == "GET" { String::new() } else { format!("-X {method} ") };
        problem.detail += &format!(" As a line: curl {method}-H 'Authorization: {scheme} …' '{url}'");
    }
    problem
}
