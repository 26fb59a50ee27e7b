//! Running other programs, and saying what is going on meanwhile.
//!
//! Invariant: progress goes to standard error; standard output belongs to what a command was asked to print.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// The top of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The cargo that runs us, so that a toolchain chosen by the caller stays chosen.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// What runs this program again: on Linux also after cargo has replaced its file, as it does for who builds while `dev` serves.
pub(crate) fn this_program() -> Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { Ok(env::current_exe()?) }
}

/// A program that came with the npm packages. It and what it starts run on the Node of the lock file.
pub(crate) fn npm_tool(name: &str) -> Result<Command> {
    let bin = root().join("node_modules/.bin");
    let mut command = Command::new(bin.join(name));
    command.current_dir(root()).env("PATH", path_with(&bin)?).env("WRANGLER_SEND_METRICS", "false");
    Ok(command)
}

/// The search path with `first` in front.
pub(crate) fn path_with(first: &Path) -> Result<std::ffi::OsString> {
    let rest = env::var_os("PATH").unwrap_or_default();
    env::join_paths(std::iter::once(first.to_path_buf()).chain(env::split_paths(&rest)))
        .context("cannot build a search path")
}

/// Runs `command` to its end and returns what it wrote to standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = describe(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{name}`; is it installed?"))?;
    if !output.status.success() {
        bail!("`{name}` failed ({})", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{name}` printed something that is not text"))
}

/// The command as one would type it, without the directories of its program.
pub(crate) fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Spin, where it is installed.
pub(crate) fn installed_spin() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join("spin")).find(|program| program.is_file())
}
