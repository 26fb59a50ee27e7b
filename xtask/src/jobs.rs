//! Jobs side by side: what a command prepares, and the steps of `cargo xtask test`.
//!
//! A job begins when those that it needs have succeeded, in the order of the list where several could. What it prints goes
//! to a file of its own, so that two do not mix; who watches sees a line that moves.
//! Invariants: a job whose need failed is not run, and counts as failed; the log of a job that failed is shown whole.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, BufRead, BufReader, IsTerminal, Write},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail};

use crate::process::{describe, root};

/// How often the line that moves is written: where it overwrites itself, and where it cannot.
const REDRAW: Duration = Duration::from_millis(200);
const REPORT: Duration = Duration::from_secs(15);

/// How nice a job is that yields: it gets a tenth of a processor that others want all of.
const NICE: i32 = 10;

/// How wide that line may be, in characters.
const WIDTH: usize = 118;

/// How a line begins that cargo prints for programs; no log needs it.
const FOR_MACHINES: &str = "{\"reason\":";

/// What a job does; what it says goes to the log.
type Work<'a, T> = Box<dyn Fn(&Log) -> Result<T> + Send + Sync + 'a>;

/// One piece of work.
pub(crate) struct Job<'a, T> {
    pub(crate) name: &'static str,
    /// The names of the jobs that must have succeeded before. One that is not in the list is taken as done.
    pub(crate) needs: &'static [&'static str],
    pub(crate) work: Work<'a, T>,
    /// Whether those that wait for an answer within a time go first.
    yields: bool,
}

/// What became of a job.
pub(crate) struct Done<T> {
    pub(crate) name: &'static str,
    pub(crate) took: Duration,
    pub(crate) result: Result<T>,
}

impl<'a, T> Job<'a, T> {
    pub(crate) fn new(
        name: &'static str,
        needs: &'static [&'static str],
        work: impl Fn(&Log) -> Result<T> + Send + Sync + 'a,
    ) -> Self {
        Self { name, needs, work: Box::new(work), yields: false }
    }

    /// The same, leaving the processors to other jobs while these want them: those of which a test waits for no more than a time.
    pub(crate) fn yielding(self) -> Self {
        Self { yields: true, ..self }
    }

    fn run(&self, log: &Log) -> Result<T>
    where
        T: Send,
    {
        if !self.yields {
            return (self.work)(log);
        }
        // What a thread starts is as nice as the thread (Linux), which goes when the job is done.
        let work = || {
            let _ = rustix::process::nice(NICE);
            (self.work)(log)
        };
        thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|_| Err(anyhow!("{} panicked", self.name)))
    }
}

/// What a failure means for the jobs that have not begun.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    /// They run all the same, but for those that need it.
    GoOn,
    /// They do not run.
    Stop,
}

/// Runs all jobs, as many at once as `at_once` says, and gives what became of them in the order of the list.
pub(crate) fn run<T: Send>(jobs: &[Job<'_, T>], at_once: usize, after_failure: AfterFailure) -> Vec<Done<T>> {
    let (state, start) = (Mutex::new(State::new(jobs)), Instant::now());
    let board = Board { state, changed: Condvar::new(), start, after_failure };
    thread::scope(|scope| {
        for _ in 0..at_once.min(jobs.len()) {
            scope.spawn(|| board.work(jobs));
        }
        board.watch(jobs.len());
    });
    let mut done = board.state.into_inner().unwrap_or_else(PoisonError::into_inner).done;
    jobs.iter().filter_map(|job| done.remove(job.name)).collect()
}

/// Runs all jobs at once; after a failure no more begins. What a job that failed said has been shown by then.
pub(crate) fn all(jobs: &[Job<'_, ()>]) -> Result<()> {
    let done = run(jobs, jobs.len(), AfterFailure::Stop);
    match done.iter().find(|done| done.result.is_err()) {
        Some(failed) => bail!("{} failed", failed.name),
        None => Ok(()),
    }
}

/// Where everybody sees what is going on.
struct Board<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    start: Instant,
    after_failure: AfterFailure,
}

struct State<T> {
    /// By index; in the order of the list.
    waiting: Vec<usize>,
    /// What runs, since when, and the last line that it printed.
    running: BTreeMap<&'static str, (Instant, LastLine)>,
    done: BTreeMap<&'static str, Done<T>>,
    names: Vec<&'static str>,
}

type LastLine = std::sync::Arc<Mutex<String>>;

impl<T> State<T> {
    fn new(jobs: &[Job<'_, T>]) -> Self {
        let names: Vec<_> = jobs.iter().map(|job| job.name).collect();
        Self { waiting: (0..jobs.len()).collect(), running: BTreeMap::new(), done: BTreeMap::new(), names }
    }

    fn succeeded(&self, name: &str) -> bool {
        !self.names.contains(&name) || self.done.get(name).is_some_and(|done| done.result.is_ok())
    }

    fn failed(&self, name: &str) -> bool {
        self.done.get(name).is_some_and(|done| done.result.is_err())
    }
}

impl<T: Send> Board<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes job after job until none is left.
    fn work(&self, jobs: &[Job<'_, T>]) {
        while let Some(job) = self.next(jobs) {
            let log = Log::create(job.name);
            let line = log.as_ref().map(|log| log.last.clone()).unwrap_or_default();
            self.state().running.insert(job.name, (Instant::now(), line));
            let start = Instant::now();
            let result = log.and_then(|log| job.run(&log).map_err(|error| log.with(error)));
            let done = Done { name: job.name, took: start.elapsed(), result };
            let mut state = self.state();
            state.running.remove(job.name);
            self.tell(&done);
            state.done.insert(job.name, done);
            self.changed.notify_all();
        }
    }

    /// The first job that can begin; waits while none can.
    fn next<'a, 'b>(&self, jobs: &'a [Job<'b, T>]) -> Option<&'a Job<'b, T>> {
        let mut state = self.state();
        loop {
            let hopeless = state.waiting.iter().find_map(|job| Some((*job, self.in_its_way(&jobs[*job], &state)?)));
            if let Some((job, failed)) = hopeless {
                state.waiting.retain(|waiting| *waiting != job);
                let (name, result) = (jobs[job].name, Err(anyhow!("not run, because `{failed}` failed")));
                state.done.insert(name, Done { name, took: Duration::ZERO, result });
                self.changed.notify_all();
                continue;
            }
            let ready = state.waiting.iter().position(|job| jobs[*job].needs.iter().all(|need| state.succeeded(need)));
            if let Some(at) = ready {
                return Some(&jobs[state.waiting.remove(at)]);
            }
            if state.waiting.is_empty() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The job whose failure keeps this one from being run.
    fn in_its_way(&self, job: &Job<'_, T>, state: &State<T>) -> Option<&'static str> {
        match self.after_failure {
            AfterFailure::GoOn => job.needs.iter().copied().find(|need| state.failed(need)),
            AfterFailure::Stop => state.done.values().find(|done| done.result.is_err()).map(|done| done.name),
        }
    }

    /// Shows what is going on until all are done.
    fn watch(&self, jobs: usize) {
        let terminal = io::stderr().is_terminal();
        let (pause, mut state) = (if terminal { REDRAW } else { REPORT }, self.state());
        while state.done.len() < jobs {
            (state, _) = self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner);
            let (line, idle) = (self.line(&state), state.running.is_empty());
            if terminal {
                eprint!("\r\x1b[K{line}\r");
            } else if !idle {
                eprintln!("{line}");
            }
        }
        if terminal {
            eprint!("\x1b[K");
        }
    }

    fn line(&self, state: &State<T>) -> String {
        let running = state.running.iter().map(|(name, (since, last))| {
            let last = last.lock().unwrap_or_else(PoisonError::into_inner).trim().to_owned();
            format!("{name} {} s: {last}", since.elapsed().as_secs())
        });
        let text = running.collect::<Vec<_>>().join(" | ");
        format!("{:>5} s  {text}", self.start.elapsed().as_secs()).chars().take(WIDTH).collect()
    }

    fn tell(&self, done: &Done<T>) {
        let (at, took) = (self.start.elapsed().as_secs(), done.took.as_secs_f32());
        let clear = if io::stderr().is_terminal() { "\x1b[K" } else { "" };
        match &done.result {
            Ok(_) => eprintln!("{clear}{at:>5} s  {}: done in {took:.1} s", done.name),
            Err(error) => eprintln!("{clear}{at:>5} s  {}: FAILED after {took:.1} s\n{error:#}", done.name),
        }
    }
}

/// Where a job's output goes: a file below `target/logs`.
pub(crate) struct Log {
    path: PathBuf,
    file: Mutex<File>,
    last: LastLine,
}

impl Log {
    fn create(name: &str) -> Result<Self> {
        let directory = root().join("target/logs");
        fs::create_dir_all(&directory)?;
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let path = directory.join(format!("{plain}.log"));
        let file = File::create(&path).with_context(|| path.display().to_string())?;
        Ok(Self { path, file: Mutex::new(file), last: LastLine::default() })
    }

    /// Adds a line.
    pub(crate) fn say(&self, line: &str) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever cannot write the log has no room to say so either; the job goes on.
        let _ = writeln!(file, "{line}");
        line.clone_into(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Runs `command` to its end; its output goes to the log. Anything but success is an error that names it.
    pub(crate) fn run(&self, command: &mut Command) -> Result<()> {
        self.watch(command, &mut |_| {})
    }

    /// The same; each line that it prints is shown to `see` as well.
    pub(crate) fn watch(&self, command: &mut Command, see: &mut dyn FnMut(&str)) -> Result<()> {
        let name = describe(command);
        self.say(&format!("$ {name}"));
        let (reader, writer) = io::pipe()?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        let spawned = command.spawn().with_context(|| format!("cannot start `{name}`; is it installed?"));
        // The command holds the pipe's other end, and would keep it open for ever.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = spawned?;
        for line in BufReader::new(reader).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            see(&line);
            if !line.starts_with(FOR_MACHINES) {
                self.say(&line);
            }
        }
        let status = child.wait()?;
        if !status.success() {
            bail!("`{name}` failed ({status})");
        }
        Ok(())
    }

    /// The error, with what led to it.
    fn with(&self, error: anyhow::Error) -> anyhow::Error {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        error.context(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job<'a>(
        name: &'static str,
        needs: &'static [&'static str],
        work: &'a (dyn Fn() -> Result<u8> + Sync),
    ) -> Job<'a, u8> {
        Job::new(name, needs, move |_| work())
    }

    #[test]
    fn a_job_begins_after_what_it_needs_and_not_when_that_failed() {
        let order = Mutex::new(Vec::new());
        let note = |name: &'static str| order.lock().unwrap().push(name);
        let first = || {
            note("first");
            Ok(1)
        };
        let second = || {
            note("second");
            Ok(2)
        };
        let broken = || bail!("broken");
        let jobs = [
            job("jobs second", &["jobs first"], &second),
            job("jobs never", &["jobs broken"], &second),
            job("jobs broken", &[], &broken),
            job("jobs first", &[], &first),
        ];
        let done = run(&jobs, 3, AfterFailure::GoOn);
        assert_eq!(
            done.iter().map(|done| done.name).collect::<Vec<_>>(),
            jobs.iter().map(|job| job.name).collect::<Vec<_>>()
        );
        assert_eq!(*order.lock().unwrap(), ["first", "second"]);
        let texts: Vec<_> =
            done.iter().map(|done| done.result.as_ref().map_err(|error| format!("{error:#}"))).collect();
        assert_eq!(texts[0], Ok(&2));
        assert!(texts[1].as_ref().is_err_and(|text| text.contains("`jobs broken` failed")), "{texts:?}");
    }

    #[test]
    fn nothing_more_begins_after_a_failure_where_all_are_needed() {
        let begun = Mutex::new(0);
        let broken = || bail!("broken");
        let other = || {
            *begun.lock().unwrap() += 1;
            Ok(1)
        };
        let jobs = [job("jobs one", &[], &broken), job("jobs two", &[], &other), job("jobs three", &[], &other)];
        let done = run(&jobs, 1, AfterFailure::Stop);
        assert_eq!((done.len(), *begun.lock().unwrap()), (3, 0));
    }

    #[test]
    fn what_a_failing_command_printed_is_part_of_the_error() {
        let jobs = [Job::new("jobs command", &[], |log| log.run(Command::new("sh").args(["-c", "echo said; exit 3"])))];
        let error = run(&jobs, 1, AfterFailure::GoOn).remove(0).result.unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("said") && text.contains("exit status: 3"), "{text}");
    }
}
