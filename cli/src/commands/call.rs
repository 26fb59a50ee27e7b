//! `farebox call`: sign a request and send it.

use anyhow::bail;
use clap::Args;

use super::drafted::{Answered, Drafted};
use crate::admin::Connection;

/// Sign a request and send it, like curl
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
    drafted: Drafted,

    /// Print the answer's status and headers too
    #[arg(short, long)]
    include: bool,
}

impl Call {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let request = self.drafted.request(&connection.settings()?.gateway)?;
        let (_, answered) = self.drafted.send(request)?;
        let answer = match answered {
            Answered::Passed(answer) => answer,
            Answered::Refused { problem, head, .. } => {
                if self.include {
                    println!("{head}");
                }
                bail!(problem)
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
