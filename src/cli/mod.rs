//! The command line: one command, one file. A doc comment is the help text.

mod apply;
mod ci;
mod complete;
mod completions;
mod cost;
pub mod demo;
mod diagnose;
mod drift;
mod elsewhere;
mod embedded;
mod emr;
mod explain;
mod graph;
mod import;
mod init;
mod interrupt;
mod lease;
mod man;
mod migrate;
mod open;
mod output;
mod parity;
mod permit;
mod place;
mod plan;
mod prices;
mod reading;
mod release;
mod run;
mod sandbox;
mod schema;
mod select;
mod session;
mod show;
mod status;
mod targets;
mod time;
mod unlock;
mod validate;
mod version;

use crate::settings;
use crate::ui::{Colour, ExitCode, Failure, Streams, Ui, Volume, log};
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::ArgValueCandidates;
use plumb_core::manifest::{MOST_BYTES_A_FILE, VariableFile};
use plumb_model::limits::Pace;
use std::path::{Path, PathBuf};

/// Keep Databricks jobs, clusters, policies and pools equal to what git says
///
/// plumb compares the manifests of a repository with what is live in a workspace, shows every difference field by
/// field, and makes the workspace equal. There is no state file: what plumb owns carries a mark.
#[derive(Parser)]
#[command(name = "plumb", version, max_term_width = 100, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  plumb demo                            a workspace kept as git says
  plumb demo emr                        the way out of EMR
  plumb validate                        every mistake in the manifests, offline
  plumb plan --target prod              what an apply would do
  plumb plan --base origin/main         what this branch changes
  plumb apply --target prod --yes       do it
  plumb drift --target prod             exit code 2 when something differs

Exit codes:
    0  nothing to do, or all done
    1  error
    2  changes pending (drift, and plan --detailed-exitcode)
    3  a guard refused, or a resource is blocked (plan too, and before 2)
    4  stale: something changed since the plan was made
    5  the lease is held
    6  partly applied, or not known to be
   64  bad usage
  130  interrupted";

const GLOBAL: &str = "Global options";

/// Options that every command takes.
#[derive(Args, Clone)]
struct Global {
    /// Folder that holds plumb.yaml [default: the nearest one upwards]
    #[arg(long, short = 'C', global = true, help_heading = GLOBAL, value_name = "DIR", env = "PLUMB_PROJECT")]
    project: Option<PathBuf>,
    /// Colour the output
    #[arg(long, global = true, help_heading = GLOBAL, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    color: When,
    /// Never show output through a pager (`PLUMB_PAGER`, else `PAGER`, else `less`)
    #[arg(long, global = true, help_heading = GLOBAL)]
    no_pager: bool,
    /// Say only warnings and errors
    #[arg(long, short, global = true, help_heading = GLOBAL)]
    quiet: bool,
    /// Say more; twice (`-vv`): also every request, a line each
    #[arg(long, short, global = true, help_heading = GLOBAL, conflicts_with = "quiet", action = ArgAction::Count)]
    verbose: u8,
    /// Write a line for every request to this file, after what is in it: method, path, status, time; no header, no body
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "FILE", env = "PLUMB_LOG")]
    log: Option<std::ffi::OsString>,
    /// Requests a second to each service: as its documentation allows (`normal`), a number of your own, or as fast as it
    /// answers (`none`: a server of your own) [default: normal, none for a server on this machine]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "none|normal|N", env = "PLUMB_PACE")]
    pace: Option<Pace>,
}

#[derive(Clone, Copy, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

/// Which target, with which values.
#[derive(Args, Clone, Default)]
struct Targeted {
    /// Target of plumb.yaml [default: the one with `default: true`]
    #[arg(long, short, value_name = "NAME", env = "PLUMB_TARGET", add = ArgValueCandidates::new(complete::targets))]
    target: Option<String>,
    /// Set a variable, over the project's and the target's value
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = pair)]
    vars: Vec<(String, String)>,
    /// Set variables by a YAML or JSON file, under --var; of several files the later one counts
    #[arg(long = "var-file", value_name = "FILE", value_parser = variable_file)]
    var_files: Vec<VariableFile>,
    /// Whether manifests see no variable of the environment: those of strangers.
    #[arg(skip)]
    sealed: bool,
    /// The revision that the manifests are read from, instead of the folder.
    #[arg(skip)]
    at: Option<String>,
}

/// What an apply may do that cannot be undone.
#[derive(Args, Clone, Default)]
pub struct Irreversible {
    /// Terminate or delete what is due: marked, with every gate passed
    #[arg(long)]
    pub allow_teardown: bool,
}

/// Which resources. A selection never prunes.
#[derive(Args, Clone, Default)]
struct Selected {
    /// Only resources with this label; may be repeated, all have to hold
    #[arg(long = "label", short = 'l', value_name = "LABEL=VALUE", value_parser = pair)]
    labels: Vec<(String, String)>,
    /// Only these addresses, kinds or names (`DatabricksJob/etl-*`, `DatabricksJob`, `etl-*`); may be repeated, one has to
    /// match
    #[arg(long, value_name = "GLOB", add = ArgValueCandidates::new(complete::selections))]
    only: Vec<String>,
}

impl Selected {
    /// Whether nothing is selected, and so everything is meant.
    fn is_whole(&self) -> bool {
        self.labels.is_empty() && self.only.is_empty()
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".into()),
    }
}

/// Reads a file of variables.
fn variable_file(path: &str) -> Result<VariableFile, String> {
    use std::io::Read;
    let failed = |e: std::io::Error| e.to_string();
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    file.take(MOST_BYTES_A_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > MOST_BYTES_A_FILE {
        return Err(format!("it is larger than {} MB", MOST_BYTES_A_FILE / 1_000_000));
    }
    Ok(VariableFile { path: path.to_owned(), text })
}

#[derive(Subcommand)]
enum Command {
    Init(init::Init),
    Validate(validate::Validate),
    Plan(plan::PlanArgs),
    Apply(apply::ApplyArgs),
    Drift(drift::DriftArgs),
    Ci(ci::Ci),
    Status(status::Status),
    Show(show::Show),
    Open(open::Open),
    Run(run::RunArgs),
    Explain(explain::Explain),
    Graph(graph::Graph),
    Targets(targets::Targets),
    Diagnose(diagnose::DiagnoseArgs),
    Import(import::Import),
    Release(release::Release),
    Unlock(unlock::Unlock),
    Emr(emr::EmrArgs),
    Parity(parity::ParityArgs),
    Migrate(migrate::MigrateArgs),
    Cost(cost::CostArgs),
    Prices(prices::PricesArgs),
    Schema(schema::SchemaArgs),
    Sandbox(sandbox::SandboxArgs),
    Demo(demo::Demo),
    Completions(completions::Completions),
    Man(man::Man),
    Version(version::Version),
}

/// The whole command line, as a tree: what documents and shells are told of it.
pub fn command() -> clap::Command {
    <Cli as CommandFactory>::command()
}

/// Runs the command line and returns the exit code.
pub fn run(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let arguments: Vec<std::ffi::OsString> = arguments.collect();
    let plain = || Ui::new(Streams::standard(), &settings::terminal(), Colour::Auto, Volume::Normal);
    if let Some(code) = complete::answer(command(), &arguments, &plain()) {
        return code;
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(e) => {
            if let Some(failure) = elsewhere::answer(&e) {
                plain().failure(&failure);
                return failure.exit;
            }
            // Help and version are no errors, and go to stdout.
            let code = if e.use_stderr() { ExitCode::Usage } else { ExitCode::Ok };
            let _ = e.print();
            return code;
        }
    };
    let colour = match cli.global.color {
        When::Auto => Colour::Auto,
        When::Always => Colour::Always,
        When::Never => Colour::Never,
    };
    let volume = match (cli.global.quiet, cli.global.verbose) {
        (true, _) => Volume::Quiet,
        (false, 0) => Volume::Normal,
        (false, _) => Volume::Verbose,
    };
    let ui = Ui::new(Streams::standard(), &settings::terminal(), colour, volume);
    let ui = if cli.global.no_pager { ui.without_pager() } else { ui };
    // An empty `PLUMB_LOG` is none.
    let file = cli.global.log.as_ref().filter(|path| !path.is_empty()).map(Path::new);
    if (file.is_some() || cli.global.verbose > 1)
        && let Err(e) = log::start(file)
    {
        let path = file.unwrap_or(Path::new("stderr")).display();
        ui.error(&format!("the log cannot be written: {path}: {e}"));
        return ExitCode::Error;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            ui.error(&format!("the runtime cannot start: {e}"));
            return ExitCode::Error;
        }
    };
    let done = runtime.block_on(dispatch(&cli.global, cli.command, &ui));
    // A read that is still under way when a command fails must not hold up its exit.
    runtime.shutdown_background();
    let code = match done {
        Ok(code) => code,
        Err(failure) => {
            ui.failure(&failure);
            failure.exit
        }
    };
    // The session is over, and with it the emulator that it may have had.
    match embedded::unsaved() {
        Some(why) => {
            ui.error(&format!("{why}; what was done in its last second is lost"));
            if code == ExitCode::Ok { ExitCode::Error } else { code }
        }
        None => code,
    }
}

async fn dispatch(global: &Global, command: Command, ui: &Ui) -> Result<ExitCode, Failure> {
    match command {
        Command::Init(args) => init::run(global, args, ui),
        Command::Validate(args) => validate::run(global, args, ui),
        Command::Plan(args) => plan::run(global, args, ui).await,
        Command::Apply(args) => apply::run(global, args, ui).await,
        Command::Drift(args) => drift::run(global, args, ui).await,
        Command::Ci(args) => ci::run(global, args, ui).await,
        Command::Status(args) => status::run(global, args, ui).await,
        Command::Show(args) => show::run(global, args, ui).await,
        Command::Open(args) => open::run(global, args, ui).await,
        Command::Run(args) => run::run(global, args, ui).await,
        Command::Explain(args) => explain::run(args, ui),
        Command::Graph(args) => graph::run(global, args, ui).await,
        Command::Targets(args) => targets::run(global, args, ui),
        Command::Diagnose(args) => diagnose::run(global, args, ui).await,
        Command::Import(args) => import::run(global, args, ui).await,
        Command::Release(args) => release::run(global, args, ui).await,
        Command::Unlock(args) => unlock::run(global, args, ui).await,
        Command::Emr(args) => emr::run(global, args, ui).await,
        Command::Parity(args) => parity::run(global, args, ui).await,
        Command::Migrate(args) => migrate::run(global, args, ui).await,
        Command::Cost(args) => cost::run(global, args, ui).await,
        Command::Prices(args) => prices::run(global, args, ui).await,
        Command::Schema(args) => schema::run(global, args, ui),
        Command::Sandbox(args) => sandbox::run(args, ui).await,
        Command::Demo(args) => demo::run(args, ui).await,
        Command::Completions(args) => completions::run(args, ui),
        Command::Man(args) => man::run(args, ui, self::command()),
        Command::Version(args) => version::run(args, ui),
    }
}
