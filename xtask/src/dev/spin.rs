//! The gateway on Spin: `spin up` where Spin is installed, else the host for tests, which takes the same flags and prints
//! the same.
//!
//! Invariants: each process is behind a guard, so none outlives `dev`, however that died. A killed one is started again on its
//! port and its data, as Miniflare does with workerd.

use std::{
    env, fs,
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use anyhow::{Context, Result, bail};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::ChildStdout,
    sync::watch,
    task::JoinSet,
};

use super::{Options, group::Group, payments, schedule::Schedule, state::State};
use crate::{
    build::Profile,
    guard,
    process::{installed_spin, root},
    setup::SPIN_TARGET,
};

/// The host for tests: its package and its program.
pub(super) const HOST: &str = "farebox-spin-host";

/// The running processes.
pub(super) struct Spin {
    gateways: Vec<String>,
    /// Each says how it ended.
    running: JoinSet<Result<ExitStatus>>,
    /// Goes when they are to end.
    stop: watch::Sender<()>,
    _schedule: Schedule,
}

impl Spin {
    /// Starts as many as are wanted, and waits until they serve. Port 0 picks free ones; of several, the first has `port`.
    pub(super) async fn start(state: &State, options: &Options, payments: &str) -> Result<Self> {
        let (stop, stopped) = watch::channel(());
        let (mut gateways, mut running) = (Vec::new(), JoinSet::new());
        let order = Order::new(state, options, payments)?;
        for number in 0..options.spin.processes {
            let listen = format!("127.0.0.1:{}", if number == 0 { options.port } else { 0 });
            let (process, address) = order.start(&listen).await?;
            gateways.push(format!("http://{address}"));
            running.spawn(order.clone().keep(process, address, stopped.clone()));
        }
        let schedule = Schedule::start(&gateways[0], &state.admin_token);
        Ok(Self { gateways, running, stop, _schedule: schedule })
    }

    /// Where they serve: scheme and authority.
    pub(super) fn gateways(&self) -> &[String] {
        &self.gateways
    }

    /// Waits until one ends by itself.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus> {
        self.running.join_next().await.context("no process runs")??
    }

    /// Ends them, and does not come back before they have ended.
    pub(super) async fn stop(mut self) {
        drop(self.stop);
        while self.running.join_next().await.is_some() {}
    }
}

/// How long an instance lasts where nobody says: as the documentation has it deployed.
const LASTING_CALLS: u32 = 10_000;
const LASTING_IDLE_SECONDS: u32 = 60;

/// How a process is started.
#[derive(Clone)]
struct Order {
    program: PathBuf,
    arguments: Vec<String>,
    /// In the environment, where no other user of the machine sees them.
    secrets: [(&'static str, String); 5],
}

impl Order {
    fn new(state: &State, options: &Options, payments: &str) -> Result<Self> {
        let text = |path: PathBuf| path.into_os_string().into_string().ok().context("a path that is not text");
        let program = match installed_spin() {
            Some(program) => program,
            None => env::current_exe()?.with_file_name(HOST),
        };
        let mut arguments = vec!["--from".to_owned(), text(manifest(options.profile())?)?];
        arguments.extend(["--state-dir".to_owned(), text(state.data())?]);
        if let Some(file) = &options.spin.runtime_config_file {
            arguments.extend(["--runtime-config-file".to_owned(), text(file.clone())?]);
        }
        let ours = [
            "upstreams=http://127.0.0.1:*",
            "webhooks=http://127.0.0.1:*",
            "flush_seconds=1",
            "metrics_seconds=1",
            "dev_clock=1",
        ];
        let calls = options.spin.instance_calls.unwrap_or(LASTING_CALLS);
        let idle = options.spin.idle_seconds.unwrap_or(LASTING_IDLE_SECONDS);
        arguments.extend(["--max-instance-reuse-count".to_owned(), calls.to_string()]);
        arguments.extend(["--idle-instance-timeout".to_owned(), format!("{idle}s")]);
        let lasting = [format!("instance_calls={calls}"), format!("idle_seconds={idle}")];
        let api = format!("stripe_api={payments}");
        let [issuer, client, client_secret] = options.oidc();
        let oidc = [format!("oidc_issuer={issuer}"), format!("oidc_client_id={client}")];
        let theirs = options.spin.variables.iter().chain(&lasting).chain(&oidc).map(String::as_str);
        let variables = ours.into_iter().chain([api.as_str()]).chain(theirs);
        arguments.extend(variables.flat_map(|variable| ["--variable", variable]).map(str::to_owned));
        let secrets = [
            ("SPIN_VARIABLE_MASTER_KEY", state.master_key.clone()),
            ("SPIN_VARIABLE_ADMIN_TOKEN", state.admin_token.clone()),
            ("SPIN_VARIABLE_OIDC_CLIENT_SECRET", client_secret.to_owned()),
            ("SPIN_VARIABLE_STRIPE_KEY", payments::KEY.to_owned()),
            ("SPIN_VARIABLE_STRIPE_WEBHOOK_SECRETS", payments::SECRET.to_owned()),
        ];
        Ok(Self { program, arguments, secrets })
    }

    /// Starts a process, and gives the address at which it serves.
    async fn start(&self, listen: &str) -> Result<(Group, String)> {
        let mut command = guard::command(&self.program)?;
        command.args(["up", "--listen", listen]).args(&self.arguments).envs(self.secrets.clone());
        let mut process = Group::start(command, Stdio::piped())?;
        let mut lines = BufReader::new(process.output().context("no output")?).lines();
        while let Some(line) = lines.next_line().await? {
            eprintln!("{line}");
            if let Some((_, address)) = line.split_once("Serving http://") {
                tokio::spawn(show(lines));
                return Ok((process, address.trim().to_owned()));
            }
        }
        bail!("Spin did not start; what it said is above (is {listen} taken?)")
    }

    /// Starts the process again as often as it is killed; says how it ended otherwise.
    async fn keep(self, mut process: Group, address: String, mut stop: watch::Receiver<()>) -> Result<ExitStatus> {
        loop {
            let status = tokio::select! {
                status = process.ended() => status?,
                _ = stop.changed() => {
                    process.stop().await;
                    return Ok(ExitStatus::default());
                }
            };
            if status.code() != Some(guard::KILLED) {
                return Ok(status);
            }
            (process, _) = self.start(&address).await?;
        }
    }
}

/// The manifest of what was built in a profile: the project's own, or a copy that names the components of another profile.
fn manifest(profile: Profile) -> Result<PathBuf> {
    let ours = root().join("spin.toml");
    let (built, release) = (root().join("target").join(SPIN_TARGET), format!("target/{SPIN_TARGET}/release/"));
    let Profile::Dev = profile else { return Ok(ours) };
    let text = fs::read_to_string(&ours).context("spin.toml")?;
    let copy = root().join("target/dev/spin.toml");
    fs::create_dir_all(root().join("target/dev"))?;
    let (debug, pages) = (format!("{}/debug/", built.display()), root().join("portal/dist"));
    let text = text.replace(&release, &debug).replace("\"portal/dist\"", &format!("\"{}\"", pages.display()));
    fs::write(&copy, text)?;
    Ok(copy)
}

/// Copies the rest of what it prints: standard output is ours.
async fn show(mut lines: Lines<BufReader<ChildStdout>>) {
    while let Ok(Some(line)) = lines.next_line().await {
        eprintln!("{line}");
    }
}
