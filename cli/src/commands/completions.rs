//! `farebox completions`: what a shell needs to complete our commands.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

/// Print the completions of a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  source <(farebox completions bash)
  farebox completions zsh > ~/.zfunc/_farebox
  farebox completions fish > ~/.config/fish/completions/farebox.fish")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) {
        generate(self.shell, &mut super::Cli::command(), "farebox", &mut std::io::stdout());
    }
}
