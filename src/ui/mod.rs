//! The only printer: stdout is data, stderr is status and progress.
//!
//! Nothing here reads the environment; the settings hand it over. Text on stderr is made safe here, data on stdout by
//! whoever rendered it.

mod bars;
mod colour;
mod escape;
mod failure;
mod lines;
pub mod log;
mod pager;
mod progress;
mod tasks;

pub use colour::{Colour, TerminalEnvironment};
pub use failure::{ExitCode, Failure};
pub use progress::{ChangeStep, End, Progress, Silent};
pub use tasks::TaskList;

use anstyle::{AnsiColor, Style as Ink};
use escape::safe;
use indicatif::MultiProgress;
use pager::{Paged, Pager};
use plumb_core::render::value::hung;
use plumb_core::render::{NARROWEST, Style};
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How wide text is laid out where nobody says how wide it may be: a file or a CI log.
const WIDTH: usize = 120;

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Volume {
    /// Only warnings and errors.
    Quiet,
    #[default]
    Normal,
    /// Details too.
    Verbose,
}

/// Where things are read from and written to.
pub struct Streams {
    pub input: Box<dyn BufRead + Send>,
    pub out: Box<dyn Write + Send>,
    pub err: Box<dyn Write + Send>,
    /// Which of the three are terminals.
    pub input_terminal: bool,
    pub out_terminal: bool,
    pub err_terminal: bool,
    /// The width of the terminal that stdout is, where it has one.
    pub width: Option<usize>,
    /// That of stderr.
    pub err_width: Option<usize>,
    /// Its lines.
    pub height: Option<usize>,
}

impl Streams {
    /// The process's own.
    pub fn standard() -> Self {
        let out_terminal = io::stdout().is_terminal();
        let size = terminal_size::terminal_size().filter(|_| out_terminal);
        Streams {
            input: Box::new(io::BufReader::new(io::stdin())),
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            input_terminal: io::stdin().is_terminal(),
            out_terminal,
            err_terminal: io::stderr().is_terminal(),
            width: size.map(|(width, _)| width.0.into()),
            err_width: terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| width.0.into()),
            height: size.map(|(_, height)| height.0.into()),
        }
    }
}

/// Prints.
pub struct Ui {
    /// Whether data on stdout may be coloured.
    pub colour: bool,
    /// Whether stdout is a terminal.
    pub terminal: bool,
    /// Columns to lay data out for.
    pub width: usize,
    volume: Volume,
    err_colour: bool,
    /// Columns of the terminal that stderr is; `None` where a message stays on one line.
    err_width: Option<usize>,
    interactive: bool,
    input: Mutex<Box<dyn BufRead + Send>>,
    /// `None` once its reader is gone.
    out: Mutex<Option<Box<dyn Write + Send>>>,
    err: Mutex<Box<dyn Write + Send>>,
    bars: Option<MultiProgress>,
    pager: Option<Pager>,
}

impl Ui {
    /// A printer on these streams. Bars are only drawn when stderr is a terminal that can move its cursor.
    pub fn new(streams: Streams, environment: &TerminalEnvironment, colour: Colour, volume: Volume) -> Self {
        let draws = streams.err_terminal && !environment.dumb() && volume != Volume::Quiet;
        Ui {
            colour: environment.colours(colour, streams.out_terminal),
            terminal: streams.out_terminal,
            width: environment.columns.or(streams.width).unwrap_or(WIDTH),
            volume,
            err_colour: environment.colours(colour, streams.err_terminal),
            err_width: environment.columns.or(streams.err_width).filter(|_| streams.err_terminal),
            interactive: streams.input_terminal && streams.err_terminal,
            input: Mutex::new(streams.input),
            out: Mutex::new(Some(streams.out)),
            err: Mutex::new(streams.err),
            bars: draws.then(MultiProgress::new),
            pager: Pager::new(environment, streams.height.filter(|_| streams.out_terminal)),
        }
    }

    /// The same printer, which never pages.
    pub fn without_pager(self) -> Self {
        Ui { pager: None, ..self }
    }

    /// Prints a result for people: what is longer than the terminal goes through a pager. Nothing is lost with one that is
    /// missing or ends badly: the result is printed then.
    pub fn paged(&self, text: &str) -> Result<(), Failure> {
        let Some(pager) = self.pager.as_ref().filter(|pager| pager.is_long(text, self.width)) else {
            return self.data(text);
        };
        match self.beside_bars(|| pager.show(text)) {
            Paged::Shown => Ok(()),
            Paged::Failed => self.data(text),
        }
    }

    /// Prints a result to stdout, exactly as it is.
    ///
    /// When the reader is gone (`plumb plan | head`), this and all later data is dropped without a word: the command
    /// goes on to its end and its exit code. Any other fault, such as a full disk, is a failure.
    pub fn data(&self, text: &str) -> Result<(), Failure> {
        let mut out = locked(&self.out);
        let Some(stream) = out.as_mut() else { return Ok(()) };
        let written = self.beside_bars(|| stream.write_all(text.as_bytes()).and_then(|()| stream.flush()));
        match written {
            Ok(()) => Ok(()),
            Err(fault) if fault.kind() == io::ErrorKind::BrokenPipe => {
                *out = None;
                Ok(())
            }
            Err(fault) => Err(Failure::error(format!("cannot write to stdout: {fault}"))),
        }
    }

    /// Says what is going on.
    pub fn status(&self, text: &str) {
        if self.volume != Volume::Quiet {
            self.print("", Ink::new(), text);
        }
    }

    /// Says what only a curious reader wants to know.
    pub fn detail(&self, text: &str) {
        if self.volume == Volume::Verbose {
            self.print("", Ink::new().dimmed(), text);
        }
    }

    /// Says what may be wrong.
    pub fn warn(&self, text: &str) {
        self.print("warning: ", AnsiColor::Yellow.on_default().bold(), text);
    }

    /// Says what is wrong.
    pub fn error(&self, text: &str) {
        self.print("error: ", AnsiColor::Red.on_default().bold(), text);
    }

    /// Prints diagnostics to stderr that were laid out, coloured and made safe elsewhere.
    pub fn laid_out(&self, text: &str) {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        self.to_stderr(&format!("{text}{end}"));
    }

    /// Says why the command stopped, and how to go on.
    pub fn failure(&self, failure: &Failure) {
        if let Some(detail) = &failure.detail {
            self.laid_out(detail);
        }
        if failure.is_cancelled {
            self.print("", Ink::new(), &failure.message);
        } else {
            self.error(&failure.message);
        }
        for hint in &failure.hints {
            self.print("hint: ", AnsiColor::Cyan.on_default().bold(), hint);
        }
    }

    /// Whether more is to be said than usual.
    pub fn is_verbose(&self) -> bool {
        self.volume == Volume::Verbose
    }

    /// Whether there is somebody to ask.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Whether colours may be used in what is handed to [`Ui::laid_out`].
    pub fn colours_stderr(&self) -> bool {
        self.err_colour
    }

    /// How what is handed to [`Ui::laid_out`] is laid out.
    pub fn stderr_style(&self) -> Style {
        Style { colour: self.err_colour, width: self.err_width.unwrap_or(self.width) }
    }

    /// Asks; only `y` and `yes` are a yes. Without a terminal there is nobody to ask, which is a failure and not a no:
    /// a pipeline that forgot `--yes` must not look as if it had applied.
    pub fn confirm(&self, question: &str) -> Result<bool, Failure> {
        if !self.interactive {
            return Err(Failure::usage(format!("{}: nobody to ask, this is no terminal", safe(question)))
                .hint("give --yes to go on without being asked"));
        }
        self.to_stderr(&format!("{} [y/N] ", safe(question)));
        let mut answer = String::new();
        match locked(&self.input).read_line(&mut answer) {
            Ok(_) => {
                let is_yes = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
                if !is_yes {
                    // Not every answer ends the line of the question: Ctrl-D does not, nor does one typed ahead.
                    self.to_stderr("\n");
                }
                Ok(is_yes)
            }
            Err(fault) => Err(Failure::error(format!("cannot read the answer: {fault}"))),
        }
    }

    /// Asks for a text; Enter alone, and no terminal, are the default.
    ///
    /// # Errors
    /// The answer cannot be read.
    pub fn ask(&self, question: &str, default: &str) -> Result<String, Failure> {
        if !self.interactive {
            return Ok(default.to_owned());
        }
        self.to_stderr(&format!("{} [{}] ", safe(question), safe(default)));
        let mut answer = String::new();
        let read = locked(&self.input).read_line(&mut answer);
        read.map_err(|fault| Failure::error(format!("cannot read the answer: {fault}")))?;
        let answer = answer.trim();
        Ok(if answer.is_empty() { default } else { answer }.to_owned())
    }

    /// Waits for Enter, where there is somebody to press it.
    pub fn pause(&self, text: &str) -> Result<(), Failure> {
        if self.interactive {
            self.to_stderr(&format!("{} ", safe(text)));
            let mut answer = String::new();
            let read = locked(&self.input).read_line(&mut answer);
            read.map_err(|fault| Failure::error(format!("cannot read the answer: {fault}")))?;
        }
        Ok(())
    }

    /// What hears of progress: bars on a terminal, plain lines elsewhere, nothing when quiet.
    pub fn progress(&self) -> Box<dyn Progress + '_> {
        match &self.bars {
            _ if self.volume == Volume::Quiet => Box::new(Silent),
            Some(bars) => Box::new(bars::Bars::new(self, bars.clone())),
            None => Box::new(lines::ProgressLines::new(self)),
        }
    }

    /// A list of tasks that are waited for.
    pub fn tasks(&self) -> TaskList<'_> {
        TaskList::new(self, self.bars.clone())
    }

    fn print(&self, label: &str, ink: Ink, text: &str) {
        let text = match self.err_width.filter(|_| !label.is_empty()) {
            Some(width) => filled(label, &safe(text), width),
            None => safe(text),
        };
        match (self.err_colour && ink != Ink::new(), label.is_empty()) {
            (false, _) => self.to_stderr(&format!("{label}{text}\n")),
            (true, true) => self.to_stderr(&format!("{ink}{text}{ink:#}\n")),
            (true, false) => self.to_stderr(&format!("{ink}{label}{ink:#}{text}\n")),
        }
    }

    fn to_stderr(&self, text: &str) {
        let mut err = locked(&self.err);
        // Where stderr can't be written to, there is no place left to say so.
        let _ = self.beside_bars(|| err.write_all(text.as_bytes()).and_then(|()| err.flush()));
    }

    /// Takes the bars off the terminal while something is printed.
    fn beside_bars<R>(&self, print: impl FnOnce() -> R) -> R {
        match &self.bars {
            Some(bars) => bars.suspend(print),
            None => print(),
        }
    }
}

/// A message behind its label, broken at spaces into lines of at most so many columns; the label itself is left out.
fn filled(label: &str, text: &str, width: usize) -> String {
    let width = width.max(NARROWEST);
    let lines = text.lines().enumerate().map(|(at, line)| {
        let rest = line.trim_start();
        let lead = if at == 0 { label } else { &line[..line.len() - rest.len()] };
        hung(lead, rest, width, if at == 0 { 0 } else { lead.len() } + 2).join("\n")
    });
    let all = lines.collect::<Vec<_>>().join("\n");
    all.strip_prefix(label).unwrap_or(&all).to_owned()
}

/// The lock, whether or not a thread panicked while it held it: a printer has no state that could be half changed.
fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
