//! Runs the Python code of job runs, for `plumb sandbox --run-code` and nothing else: each task is a process of its own.
//!
//! It has no environment, a copy of the files around its code, and limits of time, memory and output. It has no container:
//! it may read and write what the user may who started the sandbox.

use crate::{
    Shared,
    databricks::code_run::{self, CodeEnd, CodeWork, Program},
    errors::Error,
    lock,
};
use serde_json::{Value, json};
use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

/// What the code of one task may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeLimits {
    /// How long it may run.
    pub time: Duration,
    /// Megabytes of memory.
    pub memory_mb: u64,
    /// Bytes of output that are kept.
    pub output: usize,
}

impl Default for CodeLimits {
    fn default() -> Self {
        CodeLimits { time: Duration::from_secs(60), memory_mb: 1024, output: 1 << 20 }
    }
}

const WRAPPER: &str = include_str!("run_code.py");

/// How often a process that runs is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The path of the Python that code runs with.
pub(crate) fn python() -> Result<PathBuf, Error> {
    let asks = ["-I", "-c", "import sys; assert sys.version_info >= (3, 8); print(sys.executable)"];
    for name in ["python3", "/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3", "python"] {
        let asked = Command::new(name).args(asks).stdin(Stdio::null()).stderr(Stdio::null()).output();
        let Ok(answer) = asked.map(|output| (output.status.success(), output.stdout)) else { continue };
        let path = String::from_utf8_lossy(&answer.1).trim().to_owned();
        if answer.0 && !path.is_empty() {
            return Ok(PathBuf::from(path));
        }
    }
    Err(Error::NoPython)
}

/// Starts the code of the runs that have begun, each in a thread of its own.
pub(crate) fn begin(frame: &Arc<Mutex<Shared>>, shared: &mut Shared) {
    let (Some(limits), Some(python)) = (shared.options.run_code, shared.python.clone()) else { return };
    for run_id in code_run::due(&mut shared.store) {
        let (frame, python) = (Arc::downgrade(frame), python.clone());
        thread::spawn(move || while turn(&frame, run_id, &python, limits).is_some() {});
    }
}

/// Runs the next task of a run; `None` when there is none, or nobody to tell.
fn turn(frame: &Weak<Mutex<Shared>>, run_id: i64, python: &Path, limits: CodeLimits) -> Option<()> {
    let (at, task_id, work) = code_run::next(&mut lock(&frame.upgrade()?).store, run_id)?;
    let wanted = || frame.upgrade().is_some_and(|frame| code_run::is_wanted(&lock(&frame).store, run_id, task_id));
    let end = match work {
        Ok(work) => run(&work, python, limits, &wanted),
        Err(end) => end,
    };
    code_run::ended(&mut lock(&frame.upgrade()?).store, run_id, (at, task_id), end);
    Some(())
}

/// Runs one task until it has ended, or is not wanted any more.
fn run(work: &CodeWork, python: &Path, limits: CodeLimits, wanted: &dyn Fn() -> bool) -> CodeEnd {
    let failed = |why: std::io::Error| CodeEnd::failed(format!("The sandbox could not run the code: {why}"));
    let folder = match tempfile::Builder::new().prefix("plumb-run-").tempdir() {
        Ok(folder) => folder,
        Err(why) => return failed(why),
    };
    // The path that the process sees: temporary folders may be links.
    let root = folder.path().canonicalize().unwrap_or_else(|_| folder.path().to_owned());
    let mut child = match prepare(&root, work, limits).and_then(|()| start(&root, work, python)) {
        Ok(child) => child,
        Err(why) => return failed(why),
    };
    let kept = Arc::new(Mutex::new((Vec::new(), false)));
    let reader = child.stdout.take().map(|pipe| keep(pipe, kept.clone(), limits.output));
    let begun = Instant::now();
    let (status, is_late) = loop {
        match child.try_wait() {
            Ok(Some(status)) => break (Some(status), false),
            Ok(None) if begun.elapsed() >= limits.time => break (stop(&mut child), true),
            Ok(None) if wanted() => thread::sleep(LOOK),
            _ => break (stop(&mut child), false),
        }
    };
    // The rest of its output; what still holds the pipe, after all, is not waited for.
    let until = Instant::now() + Duration::from_secs(1);
    while reader.as_ref().is_some_and(|reader| !reader.is_finished()) && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    let (bytes, is_cut) = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let logs = String::from_utf8_lossy(&bytes).into_owned();
    let told = std::fs::read(root.join("result.json")).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let mut end = judge(status, is_late, told, limits);
    (end.logs, end.is_cut) = (logs, is_cut);
    end
}

/// How a process ended, by what it told and by its status.
fn judge(status: Option<ExitStatus>, is_late: bool, told: Option<Value>, limits: CodeLimits) -> CodeEnd {
    if is_late {
        let seconds = limits.time.as_secs_f64();
        return CodeEnd { is_late, ..CodeEnd::failed(format!("The code was stopped after {seconds} seconds.")) };
    }
    let text = |name: &str| told.as_ref().and_then(|told| told[name].as_str()).map(str::to_owned);
    match (&told, status) {
        (Some(_), _) => CodeEnd {
            error: text("error"),
            error_trace: text("error_trace"),
            value: text("value"),
            ..CodeEnd::default()
        },
        (None, Some(status)) if status.success() => CodeEnd::default(),
        (None, Some(status)) => CodeEnd::failed(format!("The Python process ended without a result: {status}")),
        (None, None) => CodeEnd::failed("The Python process was stopped.".to_owned()),
    }
}

/// Writes the files, and what is to be run of them.
fn prepare(root: &Path, work: &CodeWork, limits: CodeLimits) -> std::io::Result<()> {
    let code = root.join("code");
    std::fs::create_dir_all(root.join("home"))?;
    std::fs::create_dir_all(&code)?;
    for (path, bytes) in &work.files {
        let place = code.join(path);
        if let Some(folder) = place.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(place, bytes)?;
    }
    let mut spec = json!({ "arguments": work.arguments, "memory_mb": limits.memory_mb, "named": work.named });
    let folder = code.join(&work.folder);
    spec["path"] = json!([folder]);
    match &work.program {
        Program::File(path) => {
            spec["kind"] = json!("file");
            spec["file"] = json!(code.join(path));
            spec["name"] = json!(code.join(path));
        }
        Program::Notebook(cells) => {
            spec["kind"] = json!("notebook");
            spec["cells"] = json!(cells);
            spec["name"] = json!("notebook");
        }
        Program::Wheel { package, entry_point, wheels } => {
            spec["kind"] = json!("wheel");
            spec["package"] = json!(package);
            spec["entry_point"] = json!(entry_point);
            spec["name"] = json!(package);
            spec["path"] = wheels.iter().map(|wheel| json!(code.join(wheel))).collect();
        }
    }
    std::fs::write(root.join("spec.json"), spec.to_string())?;
    std::fs::write(root.join("run_code.py"), WRAPPER)
}

fn start(root: &Path, work: &CodeWork, python: &Path) -> std::io::Result<Child> {
    let mut command = Command::new(python);
    command
        .args(["-I", "-u", "-B"])
        .arg(root.join("run_code.py"))
        .arg(root.join("spec.json"))
        // Credentials are in the environment of whoever starts the sandbox.
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", root.join("home"))
        .env("LANG", "C.UTF-8")
        .current_dir(root.join("code").join(&work.folder))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn()
}

/// Stops a process, and what it has started: closing its input makes it end its whole group (`end_with_parent`).
fn stop(child: &mut Child) -> Option<ExitStatus> {
    drop(child.stdin.take());
    let until = Instant::now() + Duration::from_millis(500);
    while Instant::now() < until {
        if let Ok(Some(_)) = child.try_wait() {
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
    // Code that holds the interpreter's lock keeps the watching thread from running.
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// Reads a pipe to its end, and keeps its first bytes.
fn keep(
    mut pipe: impl Read + Send + 'static,
    kept: Arc<Mutex<(Vec<u8>, bool)>>,
    most: usize,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = pipe.read(&mut buffer) {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let room = count.min(most - kept.0.len());
            kept.0.extend_from_slice(&buffer[..room]);
            kept.1 |= room < count;
        }
    })
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn ran(code: &str, limits: CodeLimits) -> CodeEnd {
        let files = BTreeMap::from([("a.py".to_owned(), code.as_bytes().to_vec())]);
        let program = Program::File("a.py".to_owned());
        let (folder, arguments, named) = (String::new(), Vec::new(), BTreeMap::new());
        let work = CodeWork { program, files, folder, arguments, named };
        run(&work, &python().unwrap(), limits, &|| true)
    }

    #[test]
    fn a_task_sees_nothing_of_the_environment() {
        // Cargo sets many for its tests.
        assert!(std::env::vars_os().count() > 3);
        let end = ran("import os; print(*sorted(set(os.environ) - {'LC_CTYPE'}))", CodeLimits::default());
        assert!(end.logs.trim_end().ends_with("HOME LANG PATH"), "{end:?}");
        assert_eq!(end.logs.split_whitespace().filter(|word| word.starts_with("CARGO")).count(), 0, "{end:?}");
    }

    #[test]
    fn output_is_kept_up_to_its_limit_and_an_exit_is_what_it_says() {
        let end = ran("print('x' * 100_000)", CodeLimits { output: 1_000, ..CodeLimits::default() });
        assert_eq!((end.logs.len(), end.is_cut, end.error), (1_000, true, None));
        let end = ran("import sys; sys.exit(3)", CodeLimits::default());
        assert_eq!(end.error.as_deref(), Some("SystemExit: 3"));
        let end = ran("import os; os._exit(4)", CodeLimits::default());
        assert!(end.error.is_some_and(|error| error.contains('4')));
        assert_eq!(ran("import sys; sys.exit(0)", CodeLimits::default()).error, None);
    }
}
