//! A child process that reads untrusted files: it has an empty environment, a time limit and an output limit. Limits of
//! memory, files and processes it sets itself, before it reads anything (`confine` in parse.py).

use std::{
    ffi::OsStr,
    io::{Read, Write},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// What a child may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub time: Duration,
    /// Bytes of its output.
    pub output: u64,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// There is no such program, or it cannot do what it is asked.
    Unable,
    /// It was stopped: by these limits, or by its own.
    Stopped,
}

/// Runs a program with its input, and answers what it printed.
pub fn ask(program: impl AsRef<OsStr>, args: &[&str], input: String, limits: Limits) -> Result<Vec<u8>, NoAnswer> {
    let mut child = Command::new(program)
        .args(args)
        // Credentials are in the environment of whoever plans.
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|_| NoAnswer::Unable)?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(NoAnswer::Unable);
    };
    // A child that is stopped breaks its pipes, which ends both threads.
    thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.take(limits.output + 1).read_to_end(&mut bytes);
        // After the time limit there is no receiver.
        let _ = send.send(read.map(|_| bytes));
    });
    let answer = receive.recv_timeout(limits.time);
    let whole = matches!(&answer, Ok(Ok(bytes)) if bytes.len() as u64 <= limits.output);
    if !whole {
        // It may have ended by itself since.
        let _ = child.kill();
    }
    let status = child.wait().map_err(|_| NoAnswer::Stopped)?;
    match answer {
        Ok(Ok(bytes)) if whole && status.success() => Ok(bytes),
        // A signal leaves no code: it was killed.
        _ if whole && status.code().is_some() => Err(NoAnswer::Unable),
        _ => Err(NoAnswer::Stopped),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::time::Instant;

    const LIMITS: Limits = Limits { time: Duration::from_secs(20), output: 1_000 };

    fn sh(script: &str, input: &str, limits: Limits) -> Result<String, NoAnswer> {
        ask("/bin/sh", &["-c", script], input.to_owned(), limits)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    #[test]
    fn a_child_sees_nothing_of_the_environment() {
        assert!(std::env::vars_os().count() > 0);
        // The shell itself sets a few.
        let seen = sh("/usr/bin/env", "", LIMITS).unwrap();
        let names: Vec<&str> = seen.lines().filter_map(|line| line.split('=').next()).collect();
        assert!(names.iter().all(|name| ["PWD", "SHLVL", "_", "OLDPWD"].contains(name)), "{names:?}");
    }

    #[test]
    fn a_child_that_goes_on_and_on_is_stopped() {
        let soon = Limits { time: Duration::from_millis(200), ..LIMITS };
        let begun = Instant::now();
        assert_eq!(sh("exec sleep 600", "", soon), Err(NoAnswer::Stopped));
        assert_eq!(sh("exec yes", "", LIMITS), Err(NoAnswer::Stopped));
        // One that reads nothing of a large input keeps nothing waiting.
        assert_eq!(sh("exec sleep 600", &"x".repeat(1 << 20), soon), Err(NoAnswer::Stopped));
        assert!(begun.elapsed() < Duration::from_secs(300));
        assert_eq!(sh("kill -9 $$", "", LIMITS), Err(NoAnswer::Stopped));
        assert_eq!(sh("exit 3", "", LIMITS), Err(NoAnswer::Unable));
        assert_eq!(sh("cat", "what came", LIMITS).as_deref(), Ok("what came"));
        assert_eq!(ask("/no/such/program", &[], String::new(), LIMITS), Err(NoAnswer::Unable));
    }
}
