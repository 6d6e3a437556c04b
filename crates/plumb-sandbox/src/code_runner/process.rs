//! One process: its folder, its environment, its limits, and what it leaves.

use super::CodeOptions;
use crate::databricks::code::{CodeEnd, CodeWork, FAILED};
use serde::Deserialize;
use std::{
    io::Read,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

const RUN: &str = include_str!("run.py");
/// So much of the end of what a task prints is kept. The service keeps 5 MB.
const MOST_OUTPUT: usize = 1 << 20;
/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What `run.py` says of the code.
#[derive(Debug, Default, Deserialize)]
struct CodeResult {
    error: Option<String>,
    error_trace: Option<String>,
    value: Option<String>,
}

/// How a process ended.
enum ProcessEnd {
    Itself(std::process::ExitStatus),
    /// After this time, which was too long.
    Late(Duration),
    Stopped,
}

/// Runs the code of one task, and waits for its end.
pub(super) fn run(work: &CodeWork, options: &CodeOptions, stop: &AtomicBool) -> CodeEnd {
    attempt(work, options, stop).unwrap_or_else(|error| failed(format!("The sandbox could not run the code: {error}")))
}

/// The end of a task that failed for a reason of the sandbox, not of its code.
fn failed(error: String) -> CodeEnd {
    CodeEnd {
        result: "FAILED".to_owned(),
        message: error.clone(),
        error_trace: Some(error.clone()),
        error: Some(error),
        ..CodeEnd::default()
    }
}

fn attempt(work: &CodeWork, options: &CodeOptions, stop: &AtomicBool) -> std::io::Result<CodeEnd> {
    if stop.load(Ordering::Relaxed) {
        return Ok(CodeEnd::default());
    }
    let place = tempfile::Builder::new().prefix("plumb-run-").tempdir()?;
    // Tracebacks have the path without symbolic links.
    let base = place.path().canonicalize()?;
    for folder in ["home", "tmp", "code"] {
        std::fs::create_dir(base.join(folder))?;
    }
    for (name, bytes) in &work.files {
        let path = base.join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, bytes)?;
    }
    std::fs::write(base.join("run.py"), RUN)?;
    std::fs::write(base.join("spec.json"), spec(work, options, &base).to_string())?;
    let mut child = command(options, &base, &work.folder).spawn()?;
    // Held until the process has ended: it ends when this is closed, also when the sandbox is killed.
    let stdin = child.stdin.take();
    let printed = child.stdout.take().map(collect);
    let time = work.time.map_or(options.time, |own| own.min(options.time));
    let end = wait(&mut child, time, stop);
    end_group(&mut child);
    drop(stdin);
    let (mut logs, truncated) = printed.map(CodeOutput::text).unwrap_or_default();
    let result: CodeResult = std::fs::read(base.join("result.json"))
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok())
        .unwrap_or_default();
    let mut told = result.error_trace.unwrap_or_default();
    for text in [&mut logs, &mut told] {
        *text = text.replace(&base.join("code").display().to_string(), &work.root);
        // Wheels, and the home.
        *text = text.replace(&base.join("").display().to_string(), "");
    }
    let code = |error: String, told: String| CodeEnd {
        result: "FAILED".to_owned(),
        message: FAILED.to_owned(),
        error_trace: Some(if told.is_empty() { error.clone() } else { told }),
        error: Some(error),
        ..CodeEnd::default()
    };
    let end = match end {
        ProcessEnd::Late(time) => late(time, work),
        ProcessEnd::Stopped => CodeEnd::default(),
        ProcessEnd::Itself(status) if status.success() && result.error.is_none() => {
            CodeEnd { result: "SUCCESS".to_owned(), value: result.value, ..CodeEnd::default() }
        }
        ProcessEnd::Itself(status) => {
            let error = result.error.unwrap_or_else(|| format!("The process of the task ended with {status}"));
            let memory = error.starts_with("MemoryError");
            let limit = format!("{error}: the sandbox gives a process {} MB (--code-memory)", options.memory_mb);
            code(if memory { limit } else { error }, told)
        }
    };
    Ok(CodeEnd { logs: Some(logs), truncated, ..end })
}

/// The end of a task that took too long: by its own settings, or by those of the sandbox.
fn late(time: Duration, work: &CodeWork) -> CodeEnd {
    let seconds = time.as_secs_f64();
    if work.time == Some(time) {
        let end = failed(format!("Run timed out after {seconds} seconds (timeout_seconds)"));
        return CodeEnd { result: "TIMEDOUT".to_owned(), ..end };
    }
    failed(format!("The sandbox ended the code after {seconds} seconds (--code-time)"))
}

/// What `run.py` reads: paths of the copy become absolute.
fn spec(work: &CodeWork, options: &CodeOptions, base: &Path) -> serde_json::Value {
    let mut spec = work.spec.clone();
    let whole = |path: &mut serde_json::Value| {
        if let Some(text) = path.as_str() {
            *path = serde_json::json!(base.join(text));
        }
    };
    if let Some(path) = spec.get_mut("file") {
        whole(path);
        spec["name"] = spec["file"].clone();
    }
    spec.get_mut("path").and_then(serde_json::Value::as_array_mut).into_iter().flatten().for_each(whole);
    spec["memory_mb"] = serde_json::json!(options.memory_mb);
    spec
}

fn command(options: &CodeOptions, base: &Path, folder: &str) -> Command {
    let mut command = Command::new(&options.python);
    command
        // Isolated: neither its folder nor packages of the user's are on the path.
        .args(["-I", "-u", "-B", "-X", "utf8"])
        .arg(base.join("run.py"))
        .arg(base.join("spec.json"))
        // Credentials are in the environment of whoever starts a sandbox.
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", base.join("home"))
        .env("TMPDIR", base.join("tmp"))
        .env("LANG", "C.UTF-8")
        .current_dir(base.join(folder))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // `run.py` joins both; what Python says before that is about `run.py`.
        .stderr(Stdio::null());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // With a group of its own, what it starts ends with it.
        command.process_group(0);
    }
    #[cfg(windows)]
    {
        // Python does not start without it.
        command.env("SystemRoot", "C:\\Windows");
        command.env("TEMP", base.join("tmp")).env("TMP", base.join("tmp"));
    }
    command
}

fn wait(child: &mut Child, time: Duration, stop: &AtomicBool) -> ProcessEnd {
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return ProcessEnd::Itself(status),
            Err(_) => return ProcessEnd::Stopped,
            Ok(None) => {}
        }
        if stop.load(Ordering::Relaxed) {
            return ProcessEnd::Stopped;
        }
        if begun.elapsed() >= time {
            return ProcessEnd::Late(time);
        }
        thread::sleep(LOOK);
    }
}

/// Ends a process and those that it started.
fn end_group(child: &mut Child) {
    #[cfg(unix)]
    {
        // The group's number is that of its first process. Members of it may be left when that has ended.
        let group = format!("kill -9 -{}", child.id());
        let mut shell = Command::new("/bin/sh");
        let _ = shell.args(["-c", &group]).env_clear().stdin(Stdio::null()).stderr(Stdio::null()).status();
    }
    // It may have ended by itself since.
    let _ = child.kill();
    let _ = child.wait();
}

/// The end of what a process prints.
struct CodeOutput {
    kept: Arc<Mutex<(Vec<u8>, bool)>>,
    done: mpsc::Receiver<()>,
}

fn collect(mut from: impl Read + Send + 'static) -> CodeOutput {
    let kept = Arc::new(Mutex::new((Vec::new(), false)));
    let (send, done) = mpsc::channel();
    let into = kept.clone();
    thread::spawn(move || {
        let mut buffer = [0; 1 << 16];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            let mut kept = into.lock().unwrap_or_else(PoisonError::into_inner);
            kept.0.extend_from_slice(&buffer[..count]);
            if kept.0.len() > 2 * MOST_OUTPUT {
                let cut = kept.0.len() - MOST_OUTPUT;
                kept.0.drain(..cut);
                kept.1 = true;
            }
        }
        // The other end may not wait any more.
        let _ = send.send(());
    });
    CodeOutput { kept, done }
}

impl CodeOutput {
    /// The text, and whether its beginning is missing.
    fn text(self) -> (String, bool) {
        // What left the group may hold the pipe open.
        let _ = self.done.recv_timeout(Duration::from_secs(2));
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let from = kept.0.len().saturating_sub(MOST_OUTPUT);
        (String::from_utf8_lossy(&kept.0[from..]).into_owned(), kept.1 || from > 0)
    }
}
