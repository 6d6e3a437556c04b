//! RunningCommand the command that prints a token.
//!
//! Others do it in three ways. kubectl runs a program with a list of arguments (client authentication, `exec`), Docker a
//! program whose name begins with `docker-credential-`, Google's libraries split a line at its blanks (`executable` of an
//! external account). git hands `GIT_SSH_COMMAND` and a credential helper that begins with `!` to the shell. One variable
//! can hold no list, and people write quotes and pipes into a line: so it goes to the shell, as git's do. As theirs, it reads
//! no stdin, and its answer is what it prints on stdout.

use super::LARGEST;
use crate::services::secret::{Redactor, Secret};
use plumb_model::text::shortened;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// So many of the last lines of stderr are shown, and so much of each.
const LINES: usize = 3;
const LONGEST_LINE: usize = 200;

/// Runs a line, and answers what it printed on stdout. The error goes on from "the command of X".
pub(super) async fn run(line: &str, patience: Duration, redactor: &Redactor) -> Result<Vec<u8>, String> {
    let mut running = RunningCommand::start(line).map_err(|e| format!("cannot be run: {e}"))?;
    let ended = tokio::time::timeout(patience, running.end()).await;
    let (status, stdout, stderr) = match ended {
        Ok(ended) => ended.map_err(|e| format!("cannot be waited for: {e}"))?,
        Err(_) => {
            let seconds = patience.as_secs();
            return Err(format!(
                "gave no answer for {seconds} s and was ended: does it wait for somebody? Its stdin is empty, and \
                 PLUMB_TOKEN_TIMEOUT sets the seconds"
            ));
        }
    };
    running.done = true;
    if status.success() {
        return Ok(stdout);
    }
    // What a shell echoes of its commands (`set -x`) may be what it printed.
    for line in String::from_utf8_lossy(&stdout).lines().map(str::trim) {
        redactor.learn(&Secret::new(line));
    }
    Err(format!("failed ({}){}", said(status), last_lines(&stderr, redactor)))
}

/// How a command ended, in words.
fn said(status: ExitStatus) -> String {
    match status.code() {
        // The shell's word for it (POSIX, "Exit Status for Commands").
        Some(127) => "exit code 127: no such command".to_owned(),
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}

fn last_lines(stderr: &[u8], redactor: &Redactor) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(LINES)..].iter();
    let plain = |line: &&str| line.chars().filter(|c| !c.is_control()).collect::<String>();
    let last: Vec<String> = last.map(|line| shortened(&redactor.clean(&plain(line)), LONGEST_LINE)).collect();
    if last.is_empty() { " and said nothing on stderr".to_owned() } else { format!(": {}", last.join(" / ")) }
}

/// A command on its way, which ends with all that it started when nobody waits for it any more.
struct RunningCommand {
    child: Child,
    /// Its group has the number of its first process.
    group: Option<u32>,
    done: bool,
}

impl RunningCommand {
    fn start(line: &str) -> std::io::Result<Self> {
        let mut command = shell(line);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let child = command.spawn()?;
        let group = child.id();
        Ok(RunningCommand { child, group, done: false })
    }

    async fn end(&mut self) -> std::io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
        let (stdout, stderr) = (self.child.stdout.take(), self.child.stderr.take());
        let (stdout, stderr) = tokio::join!(beginning(stdout), end_of(stderr));
        Ok((self.child.wait().await?, stdout?, stderr?))
    }
}

impl Drop for RunningCommand {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        #[cfg(unix)]
        if let Some(group) = self.group {
            // Nothing of the standard library ends a group.
            let mut kill = std::process::Command::new("/bin/sh");
            let kill = kill.args(["-c", &format!("kill -9 -{group}")]).env_clear();
            let _ = kill.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        let _ = self.child.start_kill();
    }
}

#[cfg(unix)]
fn shell(line: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]);
    command
}

#[cfg(windows)]
fn shell(line: &str) -> Command {
    let mut command = Command::new("cmd");
    // As it stands: `cmd` reads quotes in a way of its own.
    command.arg("/C").raw_arg(line);
    command
}

/// What a pipe begins with; the rest is read and forgotten, so that nobody waits to write it.
async fn beginning(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    kept(pipe, |kept, piece| kept.extend_from_slice(&piece[..piece.len().min(LARGEST + 1 - kept.len())])).await
}

/// What a pipe ends with.
async fn end_of(pipe: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
    let keep = |kept: &mut Vec<u8>, piece: &[u8]| {
        kept.extend_from_slice(piece);
        kept.drain(..kept.len().saturating_sub(LARGEST));
    };
    kept(pipe, keep).await
}

async fn kept(pipe: Option<impl AsyncRead + Unpin>, keep: impl Fn(&mut Vec<u8>, &[u8])) -> std::io::Result<Vec<u8>> {
    let (mut kept, mut piece) = (Vec::new(), vec![0; 8 << 10]);
    let Some(mut pipe) = pipe else { return Ok(kept) };
    loop {
        match pipe.read(&mut piece).await? {
            0 => return Ok(kept),
            count => keep(&mut kept, &piece[..count]),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    async fn runs(line: &str, patience: Duration) -> Result<String, String> {
        let redactor = Redactor::default();
        run(line, patience, &redactor).await.map(|printed| String::from_utf8_lossy(&printed).into_owned())
    }

    #[tokio::test]
    async fn a_line_is_for_the_shell_and_reads_nothing() {
        assert_eq!(runs("printf '%s' \"a b\" | tr 'a ' 'x-'; echo not this >&2", LONG).await.unwrap(), "x-b");
        assert_eq!(runs("cat", LONG).await.unwrap(), "");
    }

    #[tokio::test]
    async fn a_failure_shows_the_end_of_stderr_and_no_token() {
        let failed = runs("echo one >&2; echo two >&2; echo >&2; echo three >&2; echo four >&2; exit 3", LONG).await;
        assert_eq!(failed.unwrap_err(), "failed (exit code 3): two / three / four");
        let failed = runs("set -x; token=hunter22-hunter22; echo $token; exit 1", LONG).await.unwrap_err();
        assert!(failed.contains("exit code 1") && !failed.contains("hunter22"), "{failed}");
        assert_eq!(runs("exit 4", LONG).await.unwrap_err(), "failed (exit code 4) and said nothing on stderr");
        assert!(runs("no-such-program-here", LONG).await.unwrap_err().contains("no such command"));
    }

    #[tokio::test]
    async fn much_output_holds_nobody_up() {
        let printed = runs("head -c 300000 /dev/zero | tr '\\0' a; head -c 300000 /dev/zero >&2", LONG).await.unwrap();
        assert_eq!(printed.len(), LARGEST + 1);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn what_hangs_ends_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let pids = dir.path().join("pids");
        let line = format!("echo $$ > {0}; sleep 600 & echo $! >> {0}; wait", pids.display());
        let why = runs(&line, Duration::from_secs(1)).await.unwrap_err();
        assert!(why.contains("gave no answer for 1 s") && why.contains("PLUMB_TOKEN_TIMEOUT"), "{why}");
        let pids = std::fs::read_to_string(pids).unwrap();
        assert_eq!(pids.lines().count(), 2);
        for pid in pids.lines() {
            // A process that has ended and that nobody has waited for yet is a zombie.
            let ended = || {
                let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
                stat.is_empty() || stat.contains(") Z ")
            };
            assert!(
                (0..200).any(|_| {
                    std::thread::sleep(Duration::from_millis(10));
                    ended()
                }),
                "{pid} goes on"
            );
        }
    }
}
