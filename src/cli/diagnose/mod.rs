//! `plumb diagnose`.

pub mod connect;
mod inputs;
pub mod keep;
pub mod months;
mod patch;

use super::output::{Forms, Output};
use super::session::Project;
use super::{Global, Targeted};
use crate::disk::Disk;
use crate::logs::{self, LogError, LogInput, LogOptions, MOST_LOG_BYTES};
use crate::observe::failure::{
    ChoiceFault, FailedRun, FailureOptions, RunChoice, RunSelection, choose, choose_dag, green_runs, is_host, name_of,
    not_green, read_run,
};
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;
use connect::TargetServices;
use inputs::DiagnoseInput;
pub use inputs::{LookBack, look_back};
use jiff::tz::TimeZone;
use keep::KeptDiagnoses;
use months::LookingBack;
use plumb_core::diagnose::catalogue::Source;
use plumb_core::diagnose::kept::before;
use plumb_core::diagnose::remedy::{FilePatch, GreenRuns, RemedyInput, remedies, rights};
use plumb_core::diagnose::result::{Advice, RunOutcome};
use plumb_core::diagnose::{Catalogue, Diagnosis, RunFacts, diagnose};
use plumb_core::render::Style;
use plumb_core::render::diagnosis::{self, DiagnosisContext};
use plumb_model::address::Address;
use plumb_model::call::ServiceError;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// How many bytes of logs are read at most of services, where nobody says how many.
const MOST: u64 = 2 << 30;
/// The same of each run, where all runs since a time are read.
pub const MOST_OF_EACH: u64 = 256 << 20;
/// What a list of diagnoses ends with.
const MORE: &str = "`plumb diagnose NAME` shows one with its evidence";

/// Find why a run failed: the cause, the lines that show it, and what to change
///
/// Answers of services are read first, then logs, no further than needed; nothing live is changed. What is not there or may not be
/// read is listed, with what it takes. Without a question: every job and DAG of the project whose last run is not green, a line each.
/// A file or a folder needs no project and no network. With --since: all runs since then, what failed grouped by cause.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb diagnose DatabricksJob/audience-aggregate --target prod
  plumb diagnose Migration/audience --period 2026-10
  plumb diagnose 88120
  plumb diagnose airflow:audience-monthly
  plumb diagnose j-2A7Q4M1N9KPLF/s-1K2LABCDEFGHI
  plumb diagnose s3://acme-emr-logs/j-2A7Q4M1N9KPLF/
  plumb diagnose logs/driver.log --log-zone Europe/Berlin --output json
  plumb diagnose                            all whose last run is not green
  plumb diagnose --since 6mo --keep         what failed, and what it cost

Exit codes:
    0  answered: the cause is found, or the run succeeded
    2  the cause is not known, or the run is still going
    1  something could not be read")]
pub struct DiagnoseArgs {
    /// A manifest (KIND/NAME), a run's id or address, airflow:DAG/RUN, j-ID[/s-ID], a file, a folder, s3://BUCKET/PREFIX, or -
    #[arg(value_name = "WHAT", add = ArgValueCandidates::new(super::complete::addresses))]
    what: Vec<String>,
    /// Which of the failed runs of a manifest: 1 is the newest
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    run: u16,
    /// Only runs for this period: `2026-10`, as parameters, dates or names say it
    #[arg(long, value_name = "PERIOD")]
    period: Option<String>,
    /// All runs since then: `6mo`, `12w`, `90d`, `2026-05-01`. Which causes cost how much, and whether they moved along
    #[arg(long, value_name = "WHEN", value_parser = look_back, conflicts_with_all = ["run", "period", "patch"])]
    since: Option<LookBack>,
    /// Keep each diagnosis as a small file of the project; --since reads them back when the services have forgotten the runs
    #[arg(long, value_name = "DIR", num_args = 0..=1, default_missing_value = keep::FOLDER)]
    keep: Option<String>,
    /// Read all logs, also when the cause is clear
    #[arg(long)]
    all: bool,
    /// Read so many bytes of logs at most, as they are kept [default: 2GiB; with --since 256MiB of each run; of files of this
    /// machine 16GiB]
    #[arg(long, value_name = "SIZE", value_parser = inputs::size)]
    most: Option<u64>,
    /// The task has failed, whatever Airflow says yet: it notes the end of a task after its callbacks
    #[arg(long)]
    failed: bool,
    /// Time zone of logs whose times name none
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = inputs::zone)]
    log_zone: TimeZone,
    /// Write the change into the manifest's file, for a person to review; nothing live changes
    #[arg(long)]
    patch: bool,
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<DiagnosisForm>,
}

/// The forms of a diagnosis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiagnosisForm {
    #[default]
    Text,
    Markdown,
    Json,
    Html,
}

impl Forms for DiagnosisForm {}

/// Diagnoses what is asked about.
pub async fn run(global: &Global, args: DiagnoseArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let questions = questions(global, &args, ui)?;
    if args.patch {
        may_patch(&questions)?;
    }
    let local = !questions.is_empty() && questions.iter().all(|(_, input)| input.is_local());
    // A file needs no project; a prefix of S3 uses one that is there.
    let alone = questions.iter().all(|(_, input)| input.is_local() || matches!(input, DiagnoseInput::S3 { .. }));
    let without = local || !questions.is_empty() && alone && settings::project_dir(global.project.as_deref()).is_err();
    let project = if without { None } else { Some(Project::load(global, &args.targeted, ui)?) };
    let reached = match &project {
        Some(project) => Some(connect::reach(project, ui).await?),
        None if local => None,
        None => Some(connect::without_project()),
    };
    let (now, _) = settings::now().map_err(Failure::error)?;
    let usual = if args.since.is_some() { MOST_OF_EACH } else { MOST };
    let most = args.most.unwrap_or(usual);
    let options = FailureOptions { all: args.all, most, zone: args.log_zone.clone(), now, failed: args.failed };
    let catalogue = Arc::new(catalogue(global)?);
    if let Some(folder) = args.keep.as_deref().filter(|folder| inputs::is_question(folder)) {
        let failure = Failure::usage(format!("--keep {folder}: that is what to diagnose, and no folder"));
        return Err(failure.hint("write --keep last, or with its folder: --keep=DIR"));
    }
    if args.keep.is_some() && project.is_none() {
        return Err(Failure::usage("--keep keeps files in a project, and there is none to look at for logs alone"));
    }
    let folder = args.keep.as_deref().unwrap_or(keep::FOLDER);
    let kept = project.as_ref().map(|p| KeptDiagnoses::read(&p.dir, folder, &p.desired.target.name, ui)).transpose()?;
    let (project, reached, kept) = (project.as_ref(), reached.as_ref(), kept.as_ref());
    let patches = RefCell::default();
    let work = Diagnosing { args: &args, project, reached, options, catalogue, kept, ui, patches };
    if let Some(since) = &args.since {
        return work.since(since, &questions).await;
    }
    if questions.is_empty() {
        return work.everything().await;
    }
    work.each(questions).await
}

/// Refuses to write where it is not one manifest's change.
fn may_patch(questions: &[(String, DiagnoseInput)]) -> Result<(), Failure> {
    if let [(_, DiagnoseInput::Manifest(_))] = questions {
        return Ok(());
    }
    let failure = Failure::usage("--patch writes the change of one manifest, and none is named");
    Err(failure.hint("for example `plumb diagnose DatabricksJob/NAME --patch`"))
}

/// The questions, each with what was typed.
fn questions(global: &Global, args: &DiagnoseArgs, ui: &Ui) -> Result<Vec<(String, DiagnoseInput)>, Failure> {
    let exists = |path: &str| Path::new(path).exists();
    let mut questions = Vec::new();
    for text in &args.what {
        match DiagnoseInput::parse(text, &exists) {
            Ok(input) => questions.push((text.clone(), input)),
            Err(failure) => {
                // Names are only suggested where a project is at hand.
                let known = settings::project_dir(global.project.as_deref()).ok();
                let known = known.and_then(|_| Project::load(global, &args.targeted, ui).ok());
                let known: Vec<Address> =
                    known.iter().flat_map(|project| &project.desired.resources).map(|r| r.address.clone()).collect();
                return Err(inputs::near(failure, text, &known));
            }
        }
    }
    let chosen = args.period.as_ref().map(|_| "--period").or((args.run > 1).then_some("--run"));
    if let Some(option) = chosen
        && !questions.iter().any(|(_, input)| input.chooses())
    {
        let failure = Failure::usage(format!("{option} chooses a run of a manifest or a DAG, and none is named"));
        return Err(failure.hint(format!("for example `plumb diagnose DatabricksJob/NAME {option} …`")));
    }
    if questions.iter().filter(|(_, input)| *input == DiagnoseInput::Stream).count() > 1 {
        return Err(Failure::usage("standard input can be read once only"));
    }
    Ok(questions)
}

/// The catalogue, with the signatures of the project that is at hand.
pub fn catalogue(global: &Global) -> Result<Catalogue, Failure> {
    let mut sources = Vec::new();
    if let Ok(dir) = settings::project_dir(global.project.as_deref()) {
        let failed = |e: String| Failure::error(format!("signatures/: {e}"));
        let disk = Disk::new(&dir).map_err(|e| failed(e.to_string()))?;
        for file in disk.files("signatures", ".yaml").map_err(failed)? {
            let text = disk.text(&file).map_err(failed)?;
            sources.push(Source { file: file.path, text });
        }
    }
    Catalogue::with(&sources).map_err(|e| Failure::error(format!("the signatures have mistakes:\n{e}")))
}

struct Diagnosing<'a> {
    args: &'a DiagnoseArgs,
    project: Option<&'a Project>,
    reached: Option<&'a TargetServices>,
    options: FailureOptions,
    catalogue: Arc<Catalogue>,
    kept: Option<&'a KeptDiagnoses>,
    ui: &'a Ui,
    /// What was proposed so far.
    patches: RefCell<Vec<FilePatch>>,
}

/// What to change in the manifests as they were loaded.
fn proposed(
    project: &Project,
    diagnosis: &Diagnosis,
    of: &Address,
    green: Option<GreenRuns>,
) -> (Vec<FilePatch>, Vec<Advice>) {
    let files = &project.desired.files;
    let loaded = |path: &str| files.ids().map(|id| files.get(id)).find(|file| file.path == path);
    let reload = |texts: &BTreeMap<String, String>| {
        let mut all: BTreeMap<String, Vec<u8>> =
            files.ids().map(|id| (files.get(id).path.clone(), files.get(id).text.clone().into_bytes())).collect();
        // A folder of manifests without a manifest in it has to be there all the same.
        for folder in project.paths() {
            let is_in = |path: &String| *path == folder || Path::new(path).starts_with(&folder);
            if !all.keys().any(is_in) {
                all.insert(format!("{folder}/.empty.yaml"), Vec::new());
            }
        }
        all.extend(texts.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())));
        project.reload(all).map_err(|failure| {
            failure.problems.first().map_or_else(|| "it cannot be loaded".to_owned(), |problem| problem.message.clone())
        })
    };
    remedies(&RemedyInput {
        diagnosis,
        desired: &project.desired,
        address: &of.to_string(),
        text: &|path| loaded(path).map(|file| file.text.clone()),
        green,
        reload: &reload,
    })
}

impl Diagnosing<'_> {
    /// All runs since a time, grouped by cause.
    async fn since(&self, since: &LookBack, questions: &[(String, DiagnoseInput)]) -> Result<ExitCode, Failure> {
        let (Some(project), Some(reached), Some(kept)) = (self.project, self.reached, self.kept) else {
            return Err(Failure::usage("--since looks at the runs of a project's manifests, and there is none here"));
        };
        let mut only = Vec::new();
        for (text, input) in questions {
            match input {
                DiagnoseInput::Manifest(address) if project.desired.resources.iter().any(|r| r.address == *address) => {
                    only.push(address.clone());
                }
                DiagnoseInput::Manifest(address) => return Err(Failure::usage(format!("no manifest is {address}"))),
                _ => return Err(Failure::usage(format!("--since looks at manifests, and `{text}` is none"))),
            }
        }
        let from = since.from(self.options.now).map_err(Failure::usage)?;
        let (options, catalogue) = (self.options.clone(), self.catalogue.clone());
        let work = LookingBack { project, reached, options, catalogue, kept, ui: self.ui };
        let found = work.look(from, &only).await?;
        if self.args.keep.is_some() {
            kept.write(&found.fresh, self.ui)?;
        }
        let report = &found.report;
        let text = match self.args.output.output {
            DiagnosisForm::Text => diagnosis::months_text(report, self.style()),
            DiagnosisForm::Markdown => diagnosis::months_markdown(report),
            DiagnosisForm::Json => diagnosis::months_json(report).map_err(|e| Failure::error(e.to_string()))?,
            DiagnosisForm::Html => diagnosis::months_html(report),
        };
        self.args.output.write(&text, self.ui)?;
        Ok(if found.is_partial { ExitCode::Error } else { ExitCode::Ok })
    }

    fn style(&self) -> Style {
        Style { colour: self.ui.colour && self.args.output.out.is_none(), width: self.ui.width }
    }

    /// Answers the questions one by one. One that cannot be read does not keep the others from being answered.
    async fn each(&self, questions: Vec<(String, DiagnoseInput)>) -> Result<ExitCode, Failure> {
        let is_one = questions.len() == 1;
        let (mut answered, mut exit) = (Vec::new(), ExitCode::Ok);
        for (text, input) in questions {
            match self.one(input).await {
                Ok(diagnosis) => answered.push(diagnosis),
                Err(failure) if is_one || failure.exit == ExitCode::Usage => return Err(failure),
                Err(failure) => {
                    self.ui.failure(&Failure { message: format!("{text}: {}", failure.message), ..failure });
                    exit = ExitCode::Error;
                }
            }
        }
        self.write(&answered, if is_one { AskedFor::One } else { AskedFor::Several })?;
        if self.args.patch {
            self.patch(&answered)?;
        }
        Ok(answered.iter().map(exit_of).fold(exit, worst))
    }

    /// Every job and DAG whose last run is not green, a line each.
    async fn everything(&self) -> Result<ExitCode, Failure> {
        let (Some(project), Some(reached)) = (self.project, self.reached) else { return Ok(ExitCode::Ok) };
        let (choices, unread) = not_green(&reached.services, &project.desired).await;
        let mut exit = ExitCode::Ok;
        for (address, why) in &unread {
            self.ui.warn(&format!("{address}: its runs cannot be read: {why}"));
            exit = ExitCode::Error;
        }
        let mut answered = Vec::new();
        for choice in choices {
            let of = choice.of.clone();
            match self.chosen(choice).await {
                Ok(diagnosis) => answered.push(diagnosis),
                Err(failure) => {
                    self.ui.failure(&Failure { message: format!("{of}: {}", failure.message), ..failure });
                    exit = ExitCode::Error;
                }
            }
        }
        if answered.is_empty() && exit == ExitCode::Ok {
            self.ui.status("the last run of every job and DAG is green");
        }
        self.write(&answered, AskedFor::Everything)?;
        Ok(answered.iter().map(exit_of).fold(exit, worst))
    }

    async fn one(&self, input: DiagnoseInput) -> Result<Diagnosis, Failure> {
        let run = match input {
            DiagnoseInput::Stream => return self.of_logs(|log| log(LogInput::Stream(&mut std::io::stdin()))).await,
            DiagnoseInput::Path(path) => return self.of_logs(move |log| log(LogInput::Path(&path))).await,
            DiagnoseInput::Manifest(address) => return self.of_manifest(&address).await,
            DiagnoseInput::Databricks { run_id, task, host } => {
                self.is_ours(host.as_deref(), run_id)?;
                FailedRun::Databricks { run_id, task }
            }
            DiagnoseInput::Airflow { dag, run, task, try_number, at } => {
                self.is_our_airflow(at.as_deref())?;
                match run {
                    Some(run) => FailedRun::Airflow { dag, run, task, try_number },
                    None => {
                        let chosen = choose_dag(&self.reached()?.services, &dag, &self.selection()).await;
                        chosen.map_err(unchosen)?
                    }
                }
            }
            DiagnoseInput::Emr { cluster, step } => FailedRun::Emr { cluster, step },
            DiagnoseInput::Serverless { application, job_run } => FailedRun::Serverless { application, job_run },
            DiagnoseInput::S3 { bucket, prefix } => FailedRun::Prefix { bucket, prefix },
        };
        let facts = self.read(run).await?;
        Ok(self.judged(facts, None).await)
    }

    /// Logs alone: on a thread of their own, as they are read with all cores.
    async fn of_logs(
        &self,
        read: impl FnOnce(&dyn Fn(LogInput<'_>) -> Result<RunFacts, LogError>) -> Result<RunFacts, LogError>
        + Send
        + 'static,
    ) -> Result<Diagnosis, Failure> {
        let most = self.args.most.unwrap_or(MOST_LOG_BYTES);
        let options = LogOptions { most, zone: self.args.log_zone.clone(), ..LogOptions::default() };
        let catalogue = self.catalogue.clone();
        let read = blocking(move || read(&|input| logs::read(&catalogue, input, &options))).await?;
        let facts = read.map_err(|e| Failure::error(e.to_string()).hint(e.help()))?;
        Ok(self.judged(facts, None).await)
    }

    fn selection(&self) -> RunSelection {
        RunSelection { number: self.args.run.into(), period: self.args.period.clone() }
    }

    fn reached(&self) -> Result<&TargetServices, Failure> {
        self.reached.ok_or_else(|| Failure::error("there is no target to ask"))
    }

    async fn of_manifest(&self, address: &Address) -> Result<Diagnosis, Failure> {
        let (Some(project), reached) = (self.project, self.reached()?) else {
            return Err(Failure::error(format!("{address}: there is no project here")));
        };
        let resources = &project.desired.resources;
        if !resources.iter().any(|resource| resource.address == *address) {
            let known: Vec<Address> = resources.iter().map(|resource| resource.address.clone()).collect();
            let failure = Failure::usage(format!("no manifest is {address}"));
            return Err(inputs::near(failure, &address.name, &known));
        }
        let choice = choose(&reached.services, &project.desired, address, &self.selection()).await;
        self.chosen(choice.map_err(unchosen)?).await
    }

    /// Reads and judges the chosen run of a manifest.
    async fn chosen(&self, choice: RunChoice) -> Result<Diagnosis, Failure> {
        self.ui.detail(&format!("{}: {}", choice.of, name_of(&choice.run)));
        let mut facts = self.read(choice.run).await?;
        facts.subject.name = choice.of.to_string();
        facts.subject.period = choice.period.or(facts.subject.period);
        facts.subject.started = facts.subject.started.or(choice.started);
        Ok(self.judged(facts, Some(&choice.of)).await)
    }

    async fn read(&self, run: FailedRun) -> Result<RunFacts, Failure> {
        let reached = self.reached()?;
        let what = name_of(&run);
        let read = read_run(self.catalogue.clone(), reached.services.clone(), self.options.clone(), run).await;
        read.map_err(|fault| unread(&what, &fault))
    }

    /// The verdict, with what to change in the manifest of the run, and nothing secret in it.
    async fn judged(&self, facts: RunFacts, of: Option<&Address>) -> Diagnosis {
        let mut diagnosis = diagnose(&self.catalogue, &facts);
        if let (Some(project), Some(of)) = (self.project, of) {
            let green = self.green(&diagnosis, of).await;
            let (patches, advice) = proposed(project, &diagnosis, of, green);
            diagnosis.change.extend(patches.iter().map(|patch| patch.shown.clone()));
            diagnosis.advice.extend(advice);
            self.patches.borrow_mut().extend(patches);
        } else {
            diagnosis.advice.extend(rights(&diagnosis));
        }
        match self.project {
            Some(project) => hidden_in(project, &diagnosis),
            None => diagnosis::hidden(&diagnosis, &str::to_owned),
        }
    }

    /// How long good runs take, where a run was over its limit.
    async fn green(&self, diagnosis: &Diagnosis, of: &Address) -> Option<GreenRuns> {
        let cause = diagnosis.cause.as_ref().filter(|cause| cause.class == "TIMEOUT")?;
        let (project, reached) = (self.project?, self.reached?);
        match green_runs(&reached.services, &project.desired, of).await {
            Ok(green) => green,
            Err(fault) => {
                self.ui.detail(&format!("{of}: {}: how long its good runs take cannot be read: {fault}", cause.class));
                None
            }
        }
    }

    /// Writes the proposed change, and says what comes next.
    fn patch(&self, answered: &[Diagnosis]) -> Result<(), Failure> {
        let patches = self.patches.borrow();
        let (Some(project), false) = (self.project, patches.is_empty()) else {
            let cause = answered.first().and_then(|one| one.cause.as_ref());
            let why =
                if cause.is_some() { "no change of a manifest is sure to help" } else { "there is no cause to fix" };
            self.ui.status(&format!("nothing was written: {why}"));
            return Ok(());
        };
        patch::write(&project.dir, &patches, self.ui)?;
        let target = &project.desired.target.name;
        self.ui.status(&format!("nothing live was changed: `plumb plan --target {target}` shows what apply would do"));
        Ok(())
    }

    /// Refuses a run of another workspace than the target's.
    fn is_ours(&self, host: Option<&str>, run_id: u64) -> Result<(), Failure> {
        let (Some(host), Some(own)) = (host, &self.reached()?.services.workspace) else { return Ok(()) };
        if is_host(own, host) {
            return Ok(());
        }
        let failure = Failure::error(format!("run {run_id} is of the workspace {host}, and the target's is {own}"));
        Err(failure.hint("name the target of that workspace with --target"))
    }

    fn is_our_airflow(&self, at: Option<&str>) -> Result<(), Failure> {
        let (Some(at), Some(own)) = (at, &self.reached()?.airflow) else { return Ok(()) };
        if own.trim_end_matches('/').eq_ignore_ascii_case(at.trim_end_matches('/')) {
            return Ok(());
        }
        let failure = Failure::error(format!("the address is of the Airflow {at}, and the target's is {own}"));
        Err(failure.hint("name the target of that Airflow with --target"))
    }

    fn write(&self, diagnoses: &[Diagnosis], asked: AskedFor) -> Result<(), Failure> {
        if let Some(kept) = self.kept.filter(|_| self.args.keep.is_some()) {
            kept.write(diagnoses, self.ui)?;
        }
        let style = self.style();
        let earlier = self.kept.map(KeptDiagnoses::all).unwrap_or_default();
        let context = |one: &Diagnosis| DiagnosisContext {
            patch_with: (!one.change.is_empty() && !self.args.patch)
                .then(|| format!("plumb diagnose {} --patch", one.name)),
            before: before(one, &earlier),
            // Of logs alone everything is read.
            all: self.args.all || self.reached.is_none(),
        };
        let text = match self.args.output.output {
            DiagnosisForm::Json => match (asked, diagnoses) {
                (AskedFor::One, [one]) => diagnosis::json(one),
                _ => diagnosis::json_list(diagnoses),
            }
            .map_err(|e| Failure::error(e.to_string()))?,
            DiagnosisForm::Text if asked == AskedFor::Everything => diagnosis::overview(diagnoses, MORE, style),
            DiagnosisForm::Text => joined(diagnoses, |one| diagnosis::text(one, &context(one), style)),
            DiagnosisForm::Markdown => joined(diagnoses, |one| diagnosis::markdown(one, &context(one))),
            DiagnosisForm::Html => {
                let one = if let [one] = diagnoses { context(one) } else { DiagnosisContext::default() };
                diagnosis::html(diagnoses, &one)
            }
        };
        self.args.output.write(&text, self.ui)
    }
}

/// A diagnosis without the secrets of a project, and without what looks like one.
pub fn hidden_in(project: &Project, diagnosis: &Diagnosis) -> Diagnosis {
    diagnosis::hidden(diagnosis, &|text| project.desired.vault.hide_in(text))
}

/// How many diagnoses were asked for: one is an object in JSON, and whatever may be several is a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AskedFor {
    One,
    Several,
    /// Nothing was named: a line each.
    Everything,
}

/// Each in its form, with an empty line between them.
fn joined(diagnoses: &[Diagnosis], form: impl Fn(&Diagnosis) -> String) -> String {
    diagnoses.iter().map(form).collect::<Vec<_>>().join("\n")
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|e| Failure::error(e.to_string()))
}

fn unread(what: &str, fault: &ServiceError) -> Failure {
    let failure = Failure::error(format!("{what} cannot be read: {fault}"));
    let is_gone = match fault {
        // Databricks answers 400 to a run that it does not have.
        ServiceError::Refused { status, message, .. } => *status == 404 || message.contains("does not exist"),
        ServiceError::NotSent { .. } | ServiceError::Lost { .. } => false,
    };
    if is_gone {
        failure.hint("is it of this target? Runs and clusters are forgotten after about two months")
    } else {
        failure
    }
}

fn unchosen(fault: ChoiceFault) -> Failure {
    match fault {
        ChoiceFault::Service(fault) => Failure::error(format!("the runs cannot be read: {fault}")),
        ChoiceFault::None(why) => Failure::error(why),
    }
}

/// What one diagnosis means for scripts.
fn exit_of(diagnosis: &Diagnosis) -> ExitCode {
    let answered = diagnosis.cause.is_some() || diagnosis.outcome == RunOutcome::Succeeded;
    if answered { ExitCode::Ok } else { ExitCode::NotKnown }
}

/// The worse of two: what could not be read, then what is not known.
fn worst(a: ExitCode, b: ExitCode) -> ExitCode {
    let rank = |code: ExitCode| match code {
        ExitCode::Ok => 0,
        ExitCode::NotKnown => 1,
        _ => 2,
    };
    if rank(b) > rank(a) { b } else { a }
}
