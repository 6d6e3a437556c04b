//! Runs the code of job runs (`plumb sandbox --run-code`): processes of the machine's Python, which begin when the runs of
//! the store say so ([`crate::databricks::code`]) and whose ends go back to it.
//!
//! The code runs as whoever started the sandbox. What keeps it apart is no container: an empty environment, a copy of the
//! files, limits of time, memory and output.

mod process;
#[cfg(test)]
mod tests;

use crate::{
    Frame, Shared,
    databricks::code::{self, CodeEnd, CodeWork},
    due,
    errors::Error,
    lock, written,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// How the code of job runs is to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeOptions {
    /// The Python that runs it, by its absolute path: [`CodeOptions::python`] finds it.
    pub python: PathBuf,
    /// How long a task may take.
    pub time: Duration,
    /// How much memory each process may have, in megabytes.
    pub memory_mb: u64,
}

/// Where a Python may be that is not on the `PATH`.
const PYTHONS: [&str; 3] = ["/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3"];
/// So many processes at once.
const AT_ONCE: usize = 4;

impl CodeOptions {
    /// Finds the Python that a name or a path means (`python3` where there is none), and its own absolute path: what is on the
    /// `PATH` may be a shim that needs the environment, which the code does not get.
    pub fn python(named: Option<&Path>) -> Result<PathBuf, Error> {
        let candidates: Vec<PathBuf> = match named {
            Some(named) => vec![named.to_owned()],
            None => std::iter::once("python3").chain(PYTHONS).map(PathBuf::from).collect(),
        };
        let mut why = "there is none".to_owned();
        for candidate in &candidates {
            let script = "import sys; print(sys.executable); sys.exit(0 if sys.version_info >= (3, 8) else 3)";
            let asked = Command::new(candidate).args(["-I", "-c", script]).stdin(Stdio::null()).output();
            match asked {
                Ok(answer) if answer.status.success() => {
                    let path = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
                    if path.is_absolute() {
                        return Ok(path);
                    }
                    why = format!("{} does not say where it is", candidate.display());
                }
                Ok(answer) if answer.status.code() == Some(3) => {
                    why = format!("{} is older than Python 3.8", candidate.display());
                }
                Ok(_) => why = format!("{} does not run", candidate.display()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => why = format!("{}: {error}", candidate.display()),
            }
        }
        let tried: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
        Err(Error::Python { tried: tried.join(", "), why })
    }
}

/// The processes that are under way, by the ids of the tasks' runs.
#[derive(Debug)]
pub(crate) struct CodeRunner {
    options: CodeOptions,
    slots: Arc<Semaphore>,
    running: BTreeMap<i64, CodeProcess>,
}

#[derive(Debug)]
struct CodeProcess {
    run_id: i64,
    stop: Arc<AtomicBool>,
}

impl CodeRunner {
    pub(crate) fn new(options: CodeOptions) -> Self {
        CodeRunner { options, slots: Arc::new(Semaphore::new(AT_ONCE)), running: BTreeMap::new() }
    }

    fn stop_all(&self) {
        for process in self.running.values() {
            process.stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Drop for CodeRunner {
    fn drop(&mut self) {
        self.stop_all();
    }
}

/// Ends processes whose runs are over, and starts those that are due.
pub(crate) fn pump(frame: &Frame, shared: &mut Shared) {
    let Shared { store, code: Some(runner), .. } = shared else { return };
    for (task_run_id, process) in &runner.running {
        if !code::is_under_way(store, process.run_id, *task_run_id) {
            process.stop.store(true, Ordering::Relaxed);
        }
    }
    for work in code::take(store) {
        let stop = Arc::new(AtomicBool::new(false));
        runner.running.insert(work.task_run_id, CodeProcess { run_id: work.run_id, stop: stop.clone() });
        let (options, slots, frame) = (runner.options.clone(), runner.slots.clone(), Arc::downgrade(frame));
        tokio::spawn(async move {
            let (run_id, task_run_id) = (work.run_id, work.task_run_id);
            let end = one(work, options, slots, stop).await;
            // The sandbox may be gone by then.
            let Some(frame) = frame.upgrade() else { return };
            let snapshot = {
                let mut shared = lock(&frame);
                if let Some(runner) = &mut shared.code {
                    runner.running.remove(&task_run_id);
                }
                code::ended(&mut shared.store, run_id, task_run_id, end);
                pump(&frame, &mut shared);
                due(&frame, &mut shared)
            };
            if let Some(snapshot) = snapshot {
                // A failure is told to whoever changes something next.
                let _ = written(snapshot).await;
            }
        });
    }
}

async fn one(work: CodeWork, options: CodeOptions, slots: Arc<Semaphore>, stop: Arc<AtomicBool>) -> CodeEnd {
    // It is never closed.
    let _slot = slots.acquire().await;
    // It only fails when the runtime ends, and then nobody asks.
    tokio::task::spawn_blocking(move || process::run(&work, &options, &stop)).await.unwrap_or_default()
}

/// Ends all processes, and waits for it for a moment.
pub(crate) async fn end_all(frame: &Frame) {
    let until = Instant::now() + Duration::from_secs(3);
    loop {
        {
            let mut shared = lock(frame);
            let Some(runner) = &shared.code else { return };
            runner.stop_all();
            if runner.running.is_empty() {
                return;
            }
            // What is told of them is what a state that is loaded tells, and nothing begins behind them.
            code::lost(&mut shared.store);
        }
        if Instant::now() > until {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
