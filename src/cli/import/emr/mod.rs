//! `plumb import emr`.

mod answers;
mod from;
mod from_airflow;
mod from_file;
mod scripts;
mod sources;
mod write;

use super::{make_folder, schema};
use crate::cli::session::{Project, problems};
use crate::cli::time::day;
use crate::cli::{Global, Targeted};
use crate::disk::Disk;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use from::ImportFrom;
use plumb_core::import::{self, ImportOutcome, ImportRecord, ImportState, REPORT, TranslatedPipeline, record, team};
use plumb_core::kinds::airflow::dag::AirflowDag;
use plumb_core::kinds::emr::migration::Migration;
use plumb_core::manifest::tidy;
use plumb_core::render::counted;
use plumb_core::render::value::visible;
use plumb_core::translate::{self, Translation, TranslationOptions};
use plumb_model::address::Address;
use plumb_model::call::{Call, System};
use serde_json::Value;
use sources::{TranslationSource, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use write::write;

/// Translate EMR pipelines to manifests: jobs, the DAGs that run them, and what ties the old to the new
///
/// Each pipeline gets a folder. What a person has to decide is a comment, `# DECISION:`, at its line, and stands in
/// translation.md beside the manifests with all that became of what EMR says. Nothing is changed on EMR. Run again, it
/// merges: what people edited, removed or decided stays, the rest follows EMR.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb import emr --target prod
  plumb import emr --target prod --name 'monthly-*' --pool
  plumb import emr --cluster j-2A7Q4M1N9KPLF --out manifests/migration
  plumb import emr --from airflow:sales_monthly --target prod
  terraform show -json > state.json && plumb import emr --from state.json")]
pub struct EmrImport {
    /// Only pipelines and applications of this name, or with a cluster of this name; `*` stands for any characters
    #[arg(long, value_name = "PATTERN", conflicts_with = "cluster")]
    name: Option<String>,
    /// Only the pipeline of this cluster, as this cluster has it [default: the newest of each pipeline]
    #[arg(long, value_name = "ID")]
    cluster: Option<String>,
    /// Read what is written in another place than EMR: `airflow`, `airflow:DAG_ID` for one DAG, or a file
    ///
    /// Airflow, the target's, says what operators of EMR were given in their last runs; `--name` then means DAGs. A file
    /// holds requests of RunJobFlow or StartJobRun as JSON, Terraform's state or plan (`terraform show -json`), or a
    /// CloudFormation template. AWS is not asked.
    #[arg(long, value_name = "PLACE", conflicts_with = "cluster")]
    from: Option<ImportFrom>,
    /// Folder to write to, relative to the project; a pipeline that was imported before stays where it is
    #[arg(long, value_name = "DIR", default_value = "manifests")]
    out: PathBuf,
    /// Write an instance pool for each pipeline, from which its clusters take their machines
    #[arg(long)]
    pool: bool,
    /// Write a cluster policy for each pipeline, which keeps clusters to the shape of the old ones
    #[arg(long)]
    policy: bool,
    /// Read the shell scripts in S3 that steps and bootstrap actions run, and translate what they run; nothing of them is run
    #[arg(long)]
    read_scripts: bool,
    #[command(flatten)]
    targeted: Targeted,
}

/// Reads, translates, merges, writes.
pub async fn run(global: &Global, args: EmrImport, ui: &Ui) -> Result<ExitCode, Failure> {
    let out = inside(&args.out)?;
    make_folder(global, &args.out)?;
    let project = Project::load(global, &args.targeted, ui)?;
    is_among_manifests(&project, &out)?;
    let sources = match &args.from {
        Some(ImportFrom::Airflow(dag)) => from_airflow::sources(&project, &args, dag.as_deref(), ui).await?,
        Some(ImportFrom::File(path)) => from_file::sources(&project, &args, path, ui)?,
        None => sources(&project, &args, ui).await?,
    };
    if sources.is_empty() {
        ui.status(match &args.from {
            Some(ImportFrom::File(_)) => "Nothing to import: the file has no pipeline.",
            Some(_) => "Nothing to import: no DAG that was looked at has a run that started something on EMR.",
            None => "Nothing to import: the account has no cluster and no application that AWS still knows.",
        });
        return Ok(ExitCode::Ok);
    }
    let (mut options, word) = choices(&project, ui).await?;
    options.answers = project.desired.project.answers.clone().unwrap_or_default();
    options.region = project.desired.target.emr.as_ref().and_then(|emr| emr.region.clone());
    let (files, records) = files(&project, &out)?;
    let reads = |source: &&TranslationSource| {
        args.read_scripts || records.get(&source.of).is_some_and(|(_, record)| record.scripts)
    };
    options.scripts = scripts::read(&project, sources.iter().filter(reads), ui).await?;
    let all = match &args.from {
        Some(ImportFrom::Airflow(dag)) => args.name.is_none() && dag.is_none(),
        // A file is one of many.
        Some(ImportFrom::File(_)) => false,
        None => args.name.is_none() && args.cluster.is_none(),
    };
    // What was imported from elsewhere is not looked for here.
    let is_of_this = |of: &str| ImportFrom::is_source_of(args.from.as_ref(), of);
    let gone =
        records.iter().filter(|(of, _)| all && is_of_this(of) && !sources.iter().any(|source| source.of == **of));
    for (of, (folder, _)) in gone {
        let why = match &args.from {
            Some(_) => "Airflow shows no",
            None => "EMR has no",
        };
        ui.status(&format!("{folder} is left as it is: {why} {} any more, or has forgotten it", visible(of)));
    }
    let written = written(&project, &records, &sources);
    let starters = starters(&project);
    let mut done = Work { files, records, out, options, word, args: &args, starters, translated: Vec::new() };
    for mut source in sources {
        source.pipeline.written_by_others = written.iter().filter(|(_, of)| *of != source.of).cloned().collect();
        done.translate(source)?;
    }
    let team = team::questions(done.translated.iter().flat_map(|pipeline| &pipeline.translation.team));
    let output_root = done.translated.iter().find_map(|pipeline| pipeline.translation.output_root.clone());
    let (mut outcome, pipelines) = done.merge()?;
    answers::output_root(&mut outcome, &done.files.texts, output_root.as_ref())?;
    answers::ask(&mut outcome, &done.files.texts, &done.records, &team, ui);
    validate(&project, &done.files.texts, &outcome, ui)?;
    write(&project.dir, &outcome.texts, &done.files.texts)?;
    tell(&outcome, pipelines, &done.word, ui)
}

/// The folder as paths of the project have it.
fn inside(out: &Path) -> Result<String, Failure> {
    let parts: Option<Vec<&str>> = out
        .components()
        .filter(|part| !matches!(part, std::path::Component::CurDir))
        .map(|part| match part {
            std::path::Component::Normal(name) => name.to_str(),
            _ => None,
        })
        .collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join("/")).ok_or_else(|| {
        Failure::usage(format!("--out {}: expected a folder of the project; nothing was written", out.display()))
            .hint("give a path that is relative to plumb.yaml and does not leave it")
    })
}

/// Refuses a folder that no command would read manifests from: what is there could be neither checked nor merged.
fn is_among_manifests(project: &Project, out: &str) -> Result<(), Failure> {
    let folders = project.manifests();
    let is_below = |folder: &String| tidy(folder).is_ok_and(|folder| Path::new(out).starts_with(folder));
    if folders.iter().any(is_below) {
        return Ok(());
    }
    // It may have been made a moment ago; one that holds something stays.
    let _ = std::fs::remove_dir(project.dir.join(out));
    Err(Failure::usage(format!("--out {out}: the project reads no manifests there; nothing was written"))
        .hint(format!("it reads them from {}: `manifests` of plumb.yaml", folders.join(", "))))
}

/// The runtimes and machine types to choose from, and whose they are.
async fn choices(project: &Project, ui: &Ui) -> Result<(TranslationOptions, String), Failure> {
    let (now, _) = crate::settings::now().map_err(Failure::usage)?;
    let today = day(now);
    let Some((services, workspace, _running)) = project.workspace(ui).await? else {
        let word =
            "Runtimes are those of plumb's own table that are supported: the target has no Databricks workspace.";
        return Ok((TranslationOptions::new(translate::supported(today)), word.to_owned()));
    };
    let ask = async |what: &str| -> Result<Value, Failure> {
        let call = Call::get(System::Databricks, format!("/api/2.1/clusters/{what}"));
        let service = services.for_system(System::Databricks);
        let answer = match service {
            Ok(service) => service.send(&call).await,
            Err(fault) => Err(fault),
        };
        answer.map(|answer| answer.body).map_err(|fault| {
            Failure::error(format!("reading the workspace's {what} failed: {fault}"))
                .hint("nothing was written")
                .hint(format!("the workspace is {workspace}"))
        })
    };
    let versions = ask("spark-versions").await?;
    let types = ask("list-node-types").await?;
    let types = types["node_types"].as_array().into_iter().flatten();
    let types: Vec<String> = types.filter_map(|one| one["node_type_id"].as_str().map(str::to_owned)).collect();
    let mut options = TranslationOptions::new(translate::listed(&versions, today));
    options.node_types = Some(types).filter(|types| !types.is_empty());
    let whose = if project.desired.target.sandbox { workspace } else { "the target's workspace".to_owned() };
    Ok((options, format!("Runtimes and machine types are those that {whose} lists.")))
}

/// What was imported before, by what it is of: its folder and its record.
type Records = BTreeMap<String, (String, ImportRecord)>;

/// The project's texts, and the records among them: beside the manifests, and in the folder that is written to.
fn files(project: &Project, out: &str) -> Result<(import::ImportProject, Records), Failure> {
    let failed = |what: String| Failure::error(what).hint("nothing was written");
    let mut known = import::ImportProject::default();
    for (path, bytes) in project.texts()? {
        let text = String::from_utf8(bytes).map_err(|_| failed(format!("{path} is no UTF-8")))?;
        known.texts.insert(path, text);
    }
    let desired = &project.desired;
    for resource in &desired.resources {
        known.homes.insert(resource.address.clone(), desired.files.get(resource.span.file).path.clone());
    }
    // A folder of which people have deleted every manifest has a record still.
    let mut folders: BTreeSet<String> =
        known.texts.keys().filter_map(|p| Some(p.rsplit_once('/')?.0.to_owned())).collect();
    let disk = Disk::new(&project.dir).map_err(|e| failed(e.to_string()))?;
    let entries = std::fs::read_dir(project.dir.join(out)).map_err(|e| failed(format!("{out}: {e}")))?;
    for entry in entries {
        let entry = entry.map_err(|e| failed(format!("{out}: {e}")))?;
        folders.extend(entry.file_name().to_str().map(|name| format!("{out}/{name}")));
    }
    let mut records = Records::new();
    for folder in folders {
        for name in [REPORT, record::FILE] {
            let path = format!("{folder}/{name}");
            if let Some(text) = disk.text_at(&path).map_err(failed)? {
                known.texts.insert(path, text);
            }
        }
        let path = format!("{folder}/{}", record::FILE);
        let Some(text) = known.texts.get(&path) else { continue };
        let record = ImportRecord::read(text).map_err(|e| {
            failed(format!("{path}: {e}")).hint(
                "it is what was generated last: restore it from git, or delete it, and \
                all that differs from EMR is taken for people's edits",
            )
        })?;
        if let Some((other, before)) = records.insert(record.of.clone(), (folder.clone(), record)) {
            return Err(failed(format!("{other} and {folder} both are translations of {}", before.of))
                .hint("delete the translation.json of one of them"));
        }
    }
    Ok((known, records))
}

/// What the pipelines write that are imported now, or were before, each with what it is recorded as.
fn written(project: &Project, records: &Records, sources: &[TranslationSource]) -> Vec<(String, String)> {
    let now = sources.iter().flat_map(|source| {
        let places = translate::writes(&source.pipeline.input);
        places.into_iter().map(|place| (place, source.of.clone())).collect::<Vec<_>>()
    });
    let of = |name: &str| records.iter().find(|(_, (_, record))| record.name == name).map(|(of, _)| of.clone());
    let migrations = project.desired.resources.iter().filter(|resource| resource.address.kind == Migration::NAME);
    let before = migrations.flat_map(|migration| {
        let name = &migration.address.name;
        let of = of(name).unwrap_or_else(|| format!("migration {name}"));
        let places = migration.spec["writes"].as_array().into_iter().flatten().filter_map(Value::as_str);
        places.map(move |place| (place.to_owned(), of.clone())).collect::<Vec<_>>()
    });
    let all: BTreeSet<(String, String)> = now.chain(before).collect();
    all.into_iter().collect()
}

/// The manifests of DAGs that others write, by the ids of the DAGs.
fn starters(project: &Project) -> BTreeMap<String, Vec<Address>> {
    let mut starters: BTreeMap<String, Vec<Address>> = BTreeMap::new();
    for resource in &project.desired.resources {
        let spec = &resource.spec;
        if resource.address.kind == AirflowDag::NAME && spec["source"] == "external" {
            let id = spec["dag_id"].as_str().map_or_else(|| resource.address.name.replace('-', "_"), str::to_owned);
            starters.entry(id).or_default().push(resource.address.clone());
        }
    }
    starters
}

/// What is being done.
struct Work<'a> {
    files: import::ImportProject,
    records: Records,
    out: String,
    options: TranslationOptions,
    word: String,
    args: &'a EmrImport,
    /// The manifests of DAGs that others write.
    starters: BTreeMap<String, Vec<Address>>,
    translated: Vec<TranslatedPipeline>,
}

impl Work<'_> {
    fn translate(&mut self, mut source: TranslationSource) -> Result<(), Failure> {
        let before = self.records.get(&source.of);
        if let Some(dag) = &mut source.pipeline.dag {
            dag.known_as = self.starter(&dag.dag_id, before.map(|(_, record)| record));
        }
        let mut options = self.options.clone();
        options.pool = self.args.pool || before.is_some_and(|(_, record)| record.pool);
        options.policy = self.args.policy || before.is_some_and(|(_, record)| record.policy);
        let reads = self.args.read_scripts || before.is_some_and(|(_, record)| record.scripts);
        if !reads {
            options.scripts.clear();
        }
        let of = |name: &str| translate::pipeline(&source.pipeline, &options, name);
        let (folder, name) = match before {
            Some((folder, record)) => (folder.clone(), record.name.clone()),
            None => {
                let fits = |name: &str| self.is_free(name, &of(name));
                let name = import::name(&source.title, &fits);
                let name = name.ok_or_else(|| Failure::error(format!("there is no name left for {}", source.title)))?;
                (format!("{}/{name}", self.out), name)
            }
        };
        let translation = of(&name);
        let lost = import::unaccounted(&source.pipeline.input, &translation);
        if lost > 0 {
            return Err(Failure::error(format!("{lost} values of {} have no account; nothing was written", source.of))
                .hint("this is a mistake in plumb: please report it"));
        }
        let mut record = ImportRecord::new(&name, &source.of, Vec::new());
        (record.pool, record.policy, record.scripts) = (options.pool, options.policy, reads);
        record.asked = before.map(|(_, record)| record.asked.clone()).unwrap_or_default();
        record.asked.extend(translation.team.iter().map(|question| question.answer.key().to_owned()));
        let mut notes = source.notes;
        notes.push(self.word.clone());
        notes.push("Each import overwrites this file: what is added here by hand is lost.".to_owned());
        self.translated.push(TranslatedPipeline { folder, record, translation, notes });
        Ok(())
    }

    /// The manifest of a DAG that others write, if it is not this pipeline's own: two would be about one DAG.
    fn starter(&self, dag_id: &str, own: Option<&ImportRecord>) -> Option<String> {
        let is_own =
            |address: &Address| own.is_some_and(|record| record.manifests.iter().any(|m| m.address == *address));
        let written = self.starters.get(dag_id).into_iter().flatten().find(|address| !is_own(address));
        let made = self.translated.iter().flat_map(|pipeline| &pipeline.translation.documents);
        let mut made = made.filter(|d| d.address.kind == AirflowDag::NAME && d.spec["source"] == "external");
        let made = made.find(|d| d.spec["dag_id"] == dag_id).map(|d| &d.address);
        written.or(made).map(Address::to_string)
    }

    /// Whether nobody else has a folder or a manifest of a name.
    fn is_free(&self, name: &str, translation: &Translation) -> bool {
        let folder = format!("{}/{name}", self.out);
        let has_record = self.records.values().any(|(other, record)| *other == folder || record.name == name);
        let is_taken = self.translated.iter().any(|pipeline| {
            pipeline.folder == folder
                || pipeline
                    .translation
                    .documents
                    .iter()
                    .any(|d| translation.documents.iter().any(|e| d.address == e.address))
        });
        // Manifests in this very folder are those of an import whose record was deleted.
        let own = |address: &Address, path: &str| match self.files.homes.get(address) {
            Some(home) => home == path,
            None => !self.files.texts.contains_key(path),
        };
        let mut documents = translation.documents.iter();
        !has_record && !is_taken && documents.all(|d| own(&d.address, &import::path(&folder, name, &d.address)))
    }

    /// Merges all pipelines into the project's files.
    fn merge(&mut self) -> Result<(ImportOutcome, usize), Failure> {
        let (mut all, mut files) = (ImportOutcome::default(), self.files.clone());
        let count = self.translated.len();
        for pipeline in std::mem::take(&mut self.translated) {
            let one = import::outcome(pipeline, &files, &|path| schema(Path::new(path)));
            let one = one.map_err(|e| Failure::error(e).hint("nothing was written"))?;
            files.texts.extend(one.texts.clone());
            all.add(one);
        }
        Ok((all, count))
    }
}

/// Reads the manifests as they would be. What is not valid is not written.
fn validate(
    project: &Project,
    before: &BTreeMap<String, String>,
    outcome: &ImportOutcome,
    ui: &Ui,
) -> Result<(), Failure> {
    let all = before.iter().chain(&outcome.texts);
    let texts = all.map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
    let loaded = project.reload(texts);
    loaded.map(drop).map_err(|failure| {
        let detail = problems(&failure, ui).detail.unwrap_or_default();
        Failure::error("the manifests would have mistakes; nothing was written")
            .detail(detail)
            .hint("what people have edited and what EMR now says do not go together there: fix the manifests so that both fit")
            .hint("other pipelines can be imported meanwhile: --name PATTERN")
    })
}

/// Says what became of each file, what stays as people have it, and what is to be done.
fn tell(outcome: &ImportOutcome, pipelines: usize, word: &str, ui: &Ui) -> Result<ExitCode, Failure> {
    let mut files = outcome.files.clone();
    files.sort_by(|a, b| a.1.cmp(&b.1));
    for (state, path) in &files {
        ui.data(&format!("{:<9} {}\n", state.word(), visible(path)))?;
    }
    let shown = |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), |v| visible(&v.to_string()));
    for kept in outcome.kept.iter().filter(|kept| kept.differs.news) {
        let (theirs, made) = (shown(&kept.differs.theirs), shown(&kept.differs.made));
        let place = format!("{}: {} {}", kept.file, kept.address, kept.differs.way);
        ui.warn(&format!("{} stays {theirs}, as people have it; EMR now says {made}", visible(&place)));
    }
    for (_, path) in files.iter().filter(|(state, _)| *state == ImportState::Old) {
        ui.warn(&format!("{} is not generated any more: delete it if nothing needs it", visible(path)));
    }
    let manifests = outcome.manifests;
    let kept = match outcome.kept.len() {
        0 => String::new(),
        n => format!(", {} as people have it", counted(n, "value", "values")),
    };
    ui.status(&format!(
        "{} of {}: {} to take, {} taken{kept}; {} of EMR dropped with a reason, 0 without an account.",
        counted(manifests, "manifest", "manifests"),
        counted(pipelines, "pipeline", "pipelines"),
        counted(outcome.open, "decision", "decisions"),
        outcome.answered,
        counted(outcome.dropped, "value", "values"),
    ));
    ui.status(word);
    ui.status(match (outcome.texts.is_empty(), outcome.open) {
        (true, _) => "Nothing was written: all files are as they would be.",
        (false, 0) => "Next: `plumb plan`.",
        (false, _) => {
            "Next: read each translation.md, decide at each `# DECISION:` and delete the comment, then `plumb plan`: an apply holds \
             back what is open."
        }
    });
    Ok(ExitCode::Ok)
}
