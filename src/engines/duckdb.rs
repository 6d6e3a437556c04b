//! The duckdb program as a child: locked to the folders that are compared, without network, rights or configuration.
//!
//! It lives as long as a run and reads SQL on its stdin. It starts without `-bail`, so that a file that cannot be read ends
//! one statement and not the child: measured on 1.5.5, where an error leaves the session as it was. Where the answer to a
//! statement ends, and where its errors do, marks say that nobody can guess.

use super::{EngineError, EngineFault, answer, selftest};
use plumb_core::parity::sql::{SqlRow, Statement, duckdb_literal as literal};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// The versions that are known to mean what the SQL says: from 1.5 on, before 3.
const FIRST: (u32, u32) = (1, 5);
const BEFORE: u32 = 3;
/// The largest answer, in bytes of text. Answers are counts and examples.
const LARGEST_ANSWER: usize = 256 << 20;
/// How much of an error is read.
const LARGEST_ERROR: usize = 64 << 10;
/// How long a child that has closed its pipes may take to end.
const ENDING: Duration = Duration::from_secs(5);
/// How long the child may take to answer the first time. It takes 0.05 s; a program that is not duckdb never answers.
const STARTING: Duration = Duration::from_secs(60);

/// What a child may use.
#[derive(Clone, Debug, Default)]
pub struct DuckdbOptions {
    /// The folders and files of every side of the run, absolute and without links. Nothing else can be read.
    pub inputs: Vec<PathBuf>,
    /// Bytes of memory, beyond which it spills to disk; 60 % of the machine's (or the container's) if left out.
    pub memory: Option<u64>,
    /// Cores that it uses; all of them if left out.
    pub threads: Option<u16>,
    /// The `delta` extension, where a Delta folder is to be read.
    pub delta: Option<PathBuf>,
}

/// A running duckdb.
pub struct Duckdb {
    program: PathBuf,
    options: DuckdbOptions,
    version: String,
    /// None once it has ended.
    pipes: Option<Pipes>,
    /// Where it spills to. Removed after the child has been killed: fields are dropped in their order.
    _temp: tempfile::TempDir,
}

struct Pipes {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    /// What nobody can guess who wrote the data.
    secret: String,
    asked: u64,
}

impl Duckdb {
    /// Starts the program, locks it to the inputs, and has it prove that it counts right.
    ///
    /// # Errors
    /// It cannot be started, is too old or too new, reads what it must not, or counts wrong.
    pub async fn start(program: &Path, options: DuckdbOptions) -> Result<Duckdb, EngineError> {
        let at_start = |fault: EngineFault| fault.at("start");
        let temp = private_folder().map_err(at_start)?;
        let folder = std::fs::canonicalize(temp.path()).map_err(|e| at_start(unusable(temp.path(), &e)))?;
        for (name, bytes) in selftest::FILES {
            std::fs::write(folder.join(name), bytes).map_err(|e| at_start(unusable(&folder, &e)))?;
        }
        let pipes = Some(spawn(program, &folder).map_err(at_start)?);
        let version = String::new();
        let mut duckdb = Duckdb { program: program.to_owned(), options, version, pipes, _temp: temp };
        match tokio::time::timeout(STARTING, duckdb.lock(&folder)).await {
            Ok(locked) => locked?,
            Err(_) => {
                let why = format!("{} did not answer for {} s: is it duckdb?", program.display(), STARTING.as_secs());
                return Err(at_start(EngineFault::Failed(why)));
            }
        }
        Ok(duckdb)
    }

    /// The same again, after it has ended: other outputs may still be compared.
    ///
    /// # Errors
    /// As [`Duckdb::start`].
    pub async fn restart(&mut self) -> Result<(), EngineError> {
        self.pipes = None;
        *self = Duckdb::start(&self.program, self.options.clone()).await?;
        Ok(())
    }

    /// `1.5.5`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The id of the child's process, while it lives.
    pub fn pid(&self) -> Option<u32> {
        self.pipes.as_ref().and_then(|pipes| pipes.child.id())
    }

    /// Runs one statement and returns all rows of its answer.
    ///
    /// Whoever drops this before it is done ends the child.
    ///
    /// # Errors
    /// What duckdb says of the statement, or [`EngineFault::Gone`] when the child has ended.
    pub async fn rows(&mut self, statement: &Statement) -> Result<Vec<SqlRow>, EngineError> {
        self.ask(&statement.text).await.map_err(|fault| fault.at(statement.step))
    }

    async fn ask(&mut self, text: &str) -> Result<Vec<SqlRow>, EngineFault> {
        is_one_statement(text)?;
        // Taken, so that a statement that nobody waits for any more leaves no child behind that is in the middle of it.
        let Some(mut pipes) = self.pipes.take() else {
            return Err(EngineFault::Gone("the duckdb program has ended".into()));
        };
        let told = pipes.ask(text).await;
        if !matches!(told, Err(EngineFault::Gone(_))) {
            self.pipes = Some(pipes);
        }
        told
    }

    /// The settings, each of which nothing can take back, and the proof that they hold.
    async fn lock(&mut self, folder: &Path) -> Result<(), EngineError> {
        let at_start = |fault: EngineFault| fault.at("start");
        let version = self.ask("SELECT version() AS v").await.map_err(at_start)?;
        let version = version.into_iter().flatten().flatten().next().unwrap_or_default();
        self.version = version.trim_start_matches('v').to_owned();
        is_known(&self.version, &self.program).map_err(at_start)?;
        let memory = match self.options.memory {
            // Its limit is of the buffers alone: with nine tenths of it the whole process stays near what was allowed.
            Some(bytes) => format!("{}B", bytes / 10 * 9),
            None => self.usual_memory().await.map_err(at_start)?,
        };
        for setting in settings(folder, &self.options, &memory).map_err(at_start)? {
            self.ask(&setting).await.map_err(at_start)?;
        }
        self.must_be_locked().await.map_err(at_start)?;
        let rows = self.rows(&selftest::statement(folder)).await?;
        selftest::check(&rows).map_err(|fault| fault.at("self test"))
    }

    /// Three quarters of what DuckDB would take by itself, which is 80 % of what the machine or the container has.
    async fn usual_memory(&mut self) -> Result<String, EngineFault> {
        let rows = self.ask("SELECT current_setting('memory_limit') AS m").await?;
        let text = rows.into_iter().flatten().flatten().next().unwrap_or_default();
        let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
        match number.parse::<f64>() {
            Ok(number) if number > 0.0 => Ok(format!("{:.1} {unit}", number * 0.75)),
            _ => Err(EngineFault::Failed(format!("duckdb says that its memory is `{text}`"))),
        }
    }

    /// Tries to read a file that is none of its business.
    async fn must_be_locked(&mut self) -> Result<(), EngineFault> {
        let outside = private_folder()?;
        let file = std::fs::canonicalize(outside.path()).map_err(|e| unusable(outside.path(), &e))?.join("outside.txt");
        std::fs::write(&file, "outside").map_err(|e| unusable(&file, &e))?;
        let is_input = |file: &Path| self.options.inputs.iter().any(|input| file.starts_with(input));
        // Where a whole temporary folder is compared, the program itself is what lies outside.
        let file = if is_input(&file) { self.program.clone() } else { file };
        let text = format!("SELECT CAST(size AS VARCHAR) AS s FROM read_blob({})", literal(&file.to_string_lossy()));
        match self.ask(&text).await {
            Err(EngineFault::Refused(_)) => Ok(()),
            Err(gone @ EngineFault::Gone(_)) => Err(gone),
            _ => {
                let why = "duckdb can read files outside of what is compared; nothing is compared with it";
                Err(EngineFault::Failed(why.into()))
            }
        }
    }
}

/// A folder that nobody else can look into.
fn private_folder() -> Result<tempfile::TempDir, EngineFault> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("plumb-parity-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder
        .tempdir()
        .map_err(|e| EngineFault::Failed(format!("no temporary folder can be made: {e}; TMPDIR names another place")))
}

fn unusable(path: &Path, e: &std::io::Error) -> EngineFault {
    EngineFault::Failed(format!("{} cannot be used: {e}", path.display()))
}

/// Whether a version is one of those that are known.
fn is_known(version: &str, program: &Path) -> Result<(), EngineFault> {
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().ok());
    let known = match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= FIRST && major < BEFORE,
        _ => false,
    };
    if known {
        return Ok(());
    }
    let program = program.display();
    Err(EngineFault::Failed(format!(
        "{program} is duckdb {version}, and plumb knows 1.5 up to 2: `plumb parity setup` installs one that fits"
    )))
}

/// What the child is told first, in the order in which it takes effect.
fn settings(folder: &Path, options: &DuckdbOptions, memory: &str) -> Result<Vec<String>, EngineFault> {
    let text = |path: &Path| match path.to_str() {
        Some(text) => Ok(literal(text)),
        None => Err(EngineFault::Failed(format!("{} is no UTF-8, and duckdb cannot be told of it", path.display()))),
    };
    let list = |paths: Vec<&Path>| -> Result<String, EngineFault> {
        Ok(paths.into_iter().map(text).collect::<Result<Vec<String>, _>>()?.join(", "))
    };
    let (files, folders): (Vec<&PathBuf>, Vec<&PathBuf>) = options.inputs.iter().partition(|input| input.is_file());
    let folders: Vec<&Path> = folders.into_iter().map(PathBuf::as_path).chain([folder]).collect();
    let mut settings = Vec::new();
    settings.extend(options.threads.map(|threads| format!("SET threads={}", threads.max(1))));
    settings.extend([
        format!("SET memory_limit={}", literal(memory)),
        format!("SET temp_directory={}", text(folder)?),
        format!("SET extension_directory={}", text(folder)?),
        "SET TimeZone='UTC'".to_owned(),
        "SET autoinstall_known_extensions=false".to_owned(),
        "SET autoload_known_extensions=false".to_owned(),
        "SET preserve_insertion_order=false".to_owned(),
    ]);
    if let Some(delta) = &options.delta {
        settings.push(format!("LOAD {}", text(delta)?));
    }
    settings.extend([
        format!("SET allowed_directories=[{}]", list(folders)?),
        format!("SET allowed_paths=[{}]", list(files.into_iter().map(PathBuf::as_path).collect())?),
        "SET enable_external_access=false".to_owned(),
        "SET lock_configuration=true".to_owned(),
    ]);
    Ok(settings)
}

fn spawn(program: &Path, folder: &Path) -> Result<Pipes, EngineFault> {
    let mut command = Command::new(program);
    command
        .args(["-no-init", "-batch", "-jsonlines"])
        // No configuration, no credentials, no proxy, no library of somebody else's.
        .env_clear()
        .env("TZ", "UTC")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    // Ctrl-C is for plumb, which ends the child itself.
    #[cfg(unix)]
    command.process_group(0);
    let failed = |e: &std::io::Error| EngineFault::Failed(format!("{} cannot be started: {e}", program.display()));
    let mut child = command.spawn().map_err(|e| failed(&e))?;
    let secret =
        getrandom::u64().map_err(|e| EngineFault::Failed(format!("the system gives no random numbers: {e}")))?;
    let secret = format!("{secret:016x}");
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(stdin), Some(stdout), Some(stderr)) => {
            let (stdout, stderr) = (BufReader::new(stdout), BufReader::new(stderr));
            Ok(Pipes { child, stdin, stdout, stderr, secret, asked: 0 })
        }
        _ => Err(EngineFault::Failed("the pipes of the duckdb program are missing".into())),
    }
}

impl Pipes {
    /// Sends a statement between marks, and reads up to them.
    async fn ask(&mut self, text: &str) -> Result<Vec<SqlRow>, EngineFault> {
        self.asked += 1;
        let (begin, end) =
            (format!("begin-{}-{}", self.asked, self.secret), format!("end-{}-{}", self.asked, self.secret));
        // stderr has no `.print`: an error of our own marks it.
        let script = format!("SELECT error('{begin}');\n{text}\n;\n.print {end}\nSELECT error('{end}');\n");
        let send = async {
            self.stdin.write_all(script.as_bytes()).await?;
            self.stdin.flush().await
        };
        let rows = lines(&mut self.stdout, |line| line == end, LARGEST_ANSWER);
        let errors = lines(&mut self.stderr, |line| line.ends_with(&end), LARGEST_ERROR);
        // What a dead child does not read is told by the ends of its pipes.
        let (_, rows, errors) = tokio::join!(send, rows, errors);
        let (Some((rows, is_whole)), Some((errors, _))) = (rows, errors) else {
            return Err(self.ended().await);
        };
        let after = errors.iter().position(|line| line.ends_with(&begin)).map_or(0, |at| at + 1);
        let error = errors[after..].join("\n");
        if !error.trim().is_empty() {
            return Err(answer::fault(error.trim_start()));
        }
        if !is_whole {
            let why = format!("the answer is larger than {} MiB", LARGEST_ANSWER >> 20);
            return Err(EngineFault::Failed(why));
        }
        answer::rows(&rows)
    }

    /// How the child came to its end.
    async fn ended(&mut self) -> EngineFault {
        let _ = self.child.start_kill();
        let how = match tokio::time::timeout(ENDING, self.child.wait()).await {
            Ok(Ok(status)) => status.to_string(),
            Ok(Err(e)) => e.to_string(),
            Err(_) => "it does not end".to_owned(),
        };
        EngineFault::Gone(format!("the duckdb program ended in the middle of a statement ({how})"))
    }
}

/// The child is gone before its folder is removed: what it still writes would keep the folder.
impl Drop for Pipes {
    fn drop(&mut self) {
        let _ = self.child.start_kill();
        for _ in 0..200 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The lines up to the mark, and whether all of them were kept; none when the pipe ends before it.
async fn lines(
    pipe: &mut (impl AsyncBufRead + Unpin),
    is_mark: impl Fn(&str) -> bool,
    most: usize,
) -> Option<(Vec<String>, bool)> {
    let (mut lines, mut bytes) = (Vec::new(), 0);
    loop {
        let mut line = Vec::new();
        match pipe.read_until(b'\n', &mut line).await {
            Ok(read) if read > 0 && line.ends_with(b"\n") => {}
            _ => return None,
        }
        let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
        if is_mark(&line) {
            return Some((lines, bytes <= most));
        }
        bytes += line.len();
        if bytes <= most {
            lines.push(line);
        }
    }
}

/// Whether a text is one statement that ends: the program would wait for ever for the end of a quote, and take a line that
/// begins with a dot for a command of its own.
fn is_one_statement(text: &str) -> Result<(), EngineFault> {
    let refused =
        |why: &str| Err(EngineFault::Failed(format!("{why} is in the statement that plumb wrote: a bug of plumb")));
    if text.trim_start().starts_with('.') || text.trim().is_empty() {
        return refused("a command");
    }
    let mut chars = text.chars().peekable();
    let mut quote = None;
    while let Some(c) = chars.next() {
        match (quote, c) {
            // The program would read another text than was written: it ends at the one and takes the other for `\n`.
            (_, '\0') => return refused("a NUL"),
            (_, '\r') if chars.peek() == Some(&'\n') => return refused("a line that ends as on Windows"),
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, ';') => return refused("a semicolon"),
            (None, '$') => return refused("a dollar sign"),
            (None, '-') if chars.peek() == Some(&'-') => return refused("a comment"),
            (None, '/') if chars.peek() == Some(&'*') => return refused("a comment"),
            (None, _) => {}
        }
    }
    if quote.is_some() { refused("an open quote") } else { Ok(()) }
}

#[cfg(test)]
#[path = "duckdb_tests.rs"]
mod tests;
