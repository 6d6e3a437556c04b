//! `plumb import`.

mod code;
mod emr;
mod left;
mod secrets;
mod twins;

use super::session::Session;
use super::{Global, Targeted};
use crate::observe;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, Subcommand};
use clap_complete::ArgValueCandidates;
use plumb_core::import;
use plumb_core::kinds::{self, Kind, Role};
use plumb_core::manifest::{Desired, Mode, Resource};
use plumb_core::plan::unknown::{self, UnknownMembers};
use plumb_core::plan::{Live, LiveObject};
use plumb_core::render::{self, value::visible};
use plumb_model::address::Address;
use plumb_model::call::System;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Write manifests for objects that exist, so that a plan takes them over without changing them
///
/// What the service would fill in again by itself is left out; what it may have chosen, like a zone, is written. Ids of
/// other resources become references, and secrets become environment variables. Existing files are never overwritten.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
#[command(after_help = "Examples:
  plumb import job 123456789
  plumb import cluster 0923-164208-meows279 --out manifests/clusters
  plumb import --all --target prod
  plumb import job 123456789 --with-code
  plumb import emr --target prod")]
pub struct Import {
    #[command(subcommand)]
    from: Option<From>,
    /// Kind of the objects: job, cluster, policy, pool, warehouse, pipeline, scope, schema, volume, location, connection,
    /// variable, dag, or a kind's name
    #[arg(value_name = "KIND", add = ArgValueCandidates::new(super::complete::imported))]
    kind: Option<String>,
    /// Ids of the objects
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// Everything that no project owns; DAGs, which stay with whoever wrote them, only with `dag --all`
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Folder to write to, relative to the project
    #[arg(long, value_name = "DIR", default_value = "manifests")]
    out: PathBuf,
    /// Write the permissions too
    #[arg(long)]
    permissions: bool,
    /// Bring the notebooks and files that they name into the repository: the manifests name them by `./` paths
    ///
    /// The next plan then changes those paths. What cannot be brought stays where it is, with a warning.
    #[arg(long)]
    with_code: bool,
    /// Folder for the notebooks and files, relative to the project
    #[arg(long, value_name = "DIR", default_value = "src", requires = "with_code")]
    code_dir: PathBuf,
    #[command(flatten)]
    targeted: Targeted,
}

/// What is imported is not an object of a kind.
#[derive(Subcommand)]
enum From {
    Emr(emr::EmrImport),
}

/// Writes the manifests.
pub async fn run(global: &Global, args: Import, ui: &Ui) -> Result<ExitCode, Failure> {
    if let Some(From::Emr(args)) = args.from {
        return emr::run(global, args, ui).await;
    }
    is_told_what(&args)?;
    if args.with_code {
        code::may_be(&args.code_dir, &args.out)?;
    }
    make_folder(global, &args.out)?;
    let asked = args.kind.as_deref().map(named).transpose()?;
    let session = Session::open(global, &args.targeted, ui).await?;
    may_import(&session.project.desired)?;
    let is_asked = |kind: KindRef| asked.as_ref().is_none_or(|list| list.iter().any(|one| one.name() == kind.name()));
    let (live, refused) = session.listed(&is_asked, ui).await?;
    let mut left = left::of_listings(&args, &live, &refused, ui)?;
    let chosen = chosen(&args, &session, &live, ui)?;
    let mut wanted = json!({ "libraries": [{}] });
    // Whichever of them a kind has.
    for member in ["permissions", "grants", "acls"].into_iter().filter(|_| args.permissions) {
        wanted[member] = json!([{}]);
    }
    let mut limits = left::Limits::default();
    let mut ready = Vec::new();
    for (kind, found) in chosen {
        let whole = observe::finish(&session.services, kind, found, &wanted).await.map_err(|e| {
            Failure::error(format!("{} {}: {e}", kind.noun(), found.seen.id)).hint("nothing was written")
        })?;
        match &whole.found.seen.unread {
            None => {
                limits.add(kind, &whole.limits);
                ready.push((kind, whole.found));
            }
            Some(why) => left.one(kind, &whole.found.seen.id, why, args.all, ui)?,
        }
    }
    let code = match args.with_code {
        true => Some(code::BroughtCode::read(&session, &args.code_dir, &ready, &mut left, ui).await?),
        false => None,
    };
    let ImportedTexts { texts, kept, twins, used } =
        manifests(&args, &session, &live, (ready, code.as_ref()), &mut left, ui)?;
    limits.say(ui);
    if texts.is_empty() {
        if left.count == 0 {
            ui.status(&left::nothing(&args, &session, &live)?);
        }
        return Ok(left.code());
    }
    let plan = match &args.targeted.target {
        Some(target) => format!("plumb plan --target {}", visible(target)),
        None => "plumb plan".to_owned(),
    };
    let files = code.as_ref().map(|code| code.to_write(&used)).unwrap_or_default();
    write(&session.project.dir, &texts, &files, &plan, ui)?;
    if !used.is_empty() {
        ui.status(
            "The plan changes the paths of what is in the repository now; nothing runs from there before an apply.",
        );
    }
    twins.iter().for_each(|said| ui.warn(said));
    for note in kept.into_notes() {
        let about = note.address.map_or_else(String::new, |address| format!("{address}: "));
        ui.warn(&format!("{}{}", visible(&about), visible(&note.message)));
    }
    Ok(left.code())
}

/// Refuses a command line that names no object.
fn is_told_what(args: &Import) -> Result<(), Failure> {
    if args.all || !args.ids.is_empty() {
        return Ok(());
    }
    let (message, one) = match &args.kind {
        Some(kind) => {
            named(kind)?;
            (format!("which {}? No id is given", visible(kind)), format!("`plumb import {} ID`", visible(kind)))
        }
        None => ("nothing is named that could be imported".to_owned(), "`plumb import job 123456789`".to_owned()),
    };
    Err(Failure::usage(message)
        .hint(format!("one object: {one}"))
        .hint("everything that no project owns: `plumb import --all`")
        .hint("the pipelines of EMR: `plumb import emr`"))
}

/// What is written.
struct ImportedTexts {
    texts: Vec<(PathBuf, render::Manifest)>,
    /// The settings that no manifest can say.
    kept: unknown::Notes,
    /// What is to be said of objects that have a manifest for another target.
    twins: Vec<String>,
    /// The files of the workspace that the manifests name in the repository.
    used: BTreeSet<String>,
}

/// The manifests of what was read, without those that `validate` would refuse.
fn manifests(
    args: &Import,
    session: &Session,
    live: &Live,
    (mut ready, code): (Vec<(&'static dyn Kind, LiveObject)>, Option<&code::BroughtCode>),
    left: &mut left::Left,
    ui: &Ui,
) -> Result<ImportedTexts, Failure> {
    let desired = &session.project.desired;
    let supplied = live.supplied();
    loop {
        let titled = ready.iter().map(|(kind, found)| (kind.name(), found.seen.title(*kind), found.seen.id.as_str()));
        let names = import::names(titled, desired.resources.iter().map(|r| r.address.clone()));
        let mut known: BTreeMap<String, Address> = BTreeMap::new();
        for (address, (_, found)) in names.iter().zip(&ready) {
            known.insert(found.seen.id.clone(), address.clone());
        }
        let carriers = observe::carriers(live, desired);
        for resource in &desired.resources {
            for found in carriers.get(&resource.address).into_iter().flatten() {
                known.insert(found.seen.id.clone(), resource.address.clone());
            }
        }
        let (mut texts, mut kept) = (Vec::new(), unknown::Notes::default());
        for ((kind, found), address) in ready.iter().zip(&names) {
            let file = args.out.join(folder(*kind)).join(format!("{}.yaml", address.name));
            let seen = found.seen.whole();
            let unknown = if kind.is_external(&seen.spec) {
                UnknownMembers::default()
            } else {
                UnknownMembers::of(kind.rules(), &seen.spec, &supplied, &[])
            };
            kept.add(address, *kind, &unknown.kept);
            let schema = schema(&file);
            let places = (schema.as_str(), desired.target.name.as_str());
            let manifest = render::manifest(*kind, &address.name, &seen, places, &known, &unknown.paths())
                .map_err(|e| Failure::error(format!("{address}: {e}")))?;
            texts.push((file, manifest));
        }
        let refused = left::refused(&session.project, &texts)?;
        if refused.is_empty() {
            let mut used = BTreeSet::new();
            // What they are with the paths that are live has been tried out: the files have yet to be written.
            for (((kind, found), address), (file, manifest)) in ready.iter().zip(&names).zip(&mut texts) {
                let (Some(code), mut seen) = (code, found.seen.whole()) else { break };
                let brought = code.rewrite(*kind, &mut seen, file);
                let schema = schema(file);
                let places = (schema.as_str(), desired.target.name.as_str());
                if brought.named.is_empty() {
                    continue;
                }
                let unknown = UnknownMembers::of(kind.rules(), &seen.spec, &supplied, &[]);
                *manifest = render::manifest(*kind, &address.name, &seen, places, &known, &unknown.paths())
                    .map_err(|e| Failure::error(format!("{address}: {e}")))?;
                brought.along(manifest);
                used.extend(brought.named);
            }
            let files = texts.iter().map(|(file, _)| file.clone());
            let imported: Vec<twins::Imported<'_>> =
                ready.iter().zip(files).map(|((kind, found), file)| (*kind, found, file)).collect();
            return Ok(ImportedTexts { kept, twins: twins::of(desired, &imported), texts, used });
        }
        // What refers to one of them by its address has to be written again, with the id.
        for (index, why) in refused.iter().rev() {
            let (kind, found) = ready.remove(*index);
            left.one(kind, &found.seen.id, why, args.all, ui)?;
        }
    }
}

/// Refuses a target in development mode: what is imported is to stay as it is, and there nothing does.
fn may_import(desired: &Desired) -> Result<(), Failure> {
    let Some(user) = &desired.developer else { return Ok(()) };
    let others = desired.project.targets.values().filter(|target| target.mode != Mode::Development && !target.sandbox);
    let others: Vec<&str> = others.map(|target| target.name.as_str()).collect();
    let failure = Failure::usage(format!(
        "target {} is for development: an apply would rename what is imported to `[dev {user}] …` and pause its schedules",
        desired.target.name
    ));
    Err(failure.hint("nothing was written").hint(match others.as_slice() {
        [] => "import from a target without `mode: development`: add one to plumb.yaml, such as \
               `prod: {databricks: {profile: prod}}`"
            .to_owned(),
        others => {
            format!("import from a target without `mode: development`: `--target {}`", others.join("`, `--target "))
        }
    }))
}

/// The folder of the manifests has to be there for the project to be valid; a new project may have none yet.
fn make_folder(global: &Global, out: &Path) -> Result<(), Failure> {
    let Ok(dir) = settings::project_dir(global.project.as_deref()) else { return Ok(()) };
    let out = dir.join(out);
    std::fs::create_dir_all(&out).map_err(|e| Failure::error(format!("{}: {e}", out.display())))
}

/// The path of the schema from a file of the project.
fn schema(file: &Path) -> String {
    format!("{}schemas/plumb.json", "../".repeat(file.components().count().saturating_sub(1)))
}

/// Writes every file or none; `plan` is the command that comes next.
fn write(
    dir: &Path,
    texts: &[(PathBuf, render::Manifest)],
    files: &[(PathBuf, &[u8])],
    plan: &str,
    ui: &Ui,
) -> Result<(), Failure> {
    if let Some((file, _)) = texts.iter().find(|(file, _)| dir.join(file).exists()) {
        return Err(Failure::error(format!("{} is there already; nothing was written", file.display()))
            .hint("move it away, or choose another folder with --out"));
    }
    // Code comes first: no manifest names what is not there.
    code::write(dir, files, ui)?;
    let mut env = BTreeSet::new();
    for (file, manifest) in texts {
        let path = dir.join(file);
        let written =
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, &manifest.text));
        written.map_err(|e| Failure::error(format!("{}: {e}", path.display())))?;
        ui.data(&format!("{}\n", file.display()))?;
        env.extend(manifest.env.iter().cloned());
    }
    secrets::tell(texts, env, ui);
    let count = texts.len();
    let adopted = texts.iter().any(|(_, manifest)| manifest.adopts);
    let (noun, them) = if count == 1 { ("manifest", "it") } else { ("manifests", "them") };
    ui.status(&if adopted {
        format!("{count} {noun} written. `{plan}` shows {them} as adopted.")
    } else {
        format!("{count} {noun} written, of objects that others own: `{plan}` has nothing to do.")
    });
    Ok(())
}

fn chosen<'l>(
    args: &Import,
    session: &Session,
    live: &'l Live,
    ui: &Ui,
) -> Result<Vec<(&'static dyn Kind, &'l LiveObject)>, Failure> {
    let adopted: BTreeSet<&str> = session.project.desired.resources.iter().filter_map(|r| r.adopt.as_deref()).collect();
    let named = args.kind.as_deref().map(named).transpose()?;
    let free = |kind: KindRef, f: &LiveObject| {
        // What others go on owning is imported when it is named.
        let theirs = kind.is_external(&f.seen.spec()) && (named.is_none() || manifest_of(session, kind, f).is_some());
        f.mark.is_none() && !adopted.contains(f.seen.id.as_str()) && !theirs
    };
    if args.all {
        let is_named = |k: &KindRef| named.as_ref().is_none_or(|list| list.iter().any(|n| n.name() == k.name()));
        let kinds = session.project.all_kinds().into_iter().filter(|k| k.role() == Role::Object).filter(is_named);
        let all = kinds.flat_map(|k| live.of(k.name()).iter().map(move |f| (k, f)));
        let (managed, rest): (Vec<_>, Vec<_>) =
            all.filter(|(k, f)| free(*k, f)).partition(|(k, f)| f.seen.managed_by(*k).is_some());
        apart(&managed, ui);
        let (own, chosen): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|(k, f)| k.platforms_own(&f.seen.whole()).is_some());
        left::platforms_own(&own, ui);
        return Ok(chosen);
    }
    let mut chosen = Vec::new();
    for id in &args.ids {
        let (kind, found) = by_id(named.as_deref().unwrap_or_default(), id, live)?;
        if let Some(resource) = manifest_of(session, kind, found) {
            let files = &session.project.desired.files;
            let (file, (line, _)) = (&files.get(resource.span.file).path, files.position(resource.span));
            return Err(Failure::error(format!(
                "{} {id} has a manifest already: {} ({file}:{line}); nothing was written",
                kind.noun(),
                resource.address
            )));
        }
        if let Some(mark) = &found.mark {
            ui.warn(&format!("{} {id} belongs to {}; an apply of the manifest takes it over", kind.noun(), mark.owner));
        }
        if let Some(tool) = found.seen.managed_by(kind) {
            ui.warn(&format!(
                "{} {id}: {}; a plan of its manifest is refused until that says `metadata.takeFrom: {}`",
                kind.noun(),
                visible(&tool.says()),
                tool.name
            ));
        }
        chosen.push((kind, found));
    }
    Ok(chosen)
}

/// Lists what other tools manage: it is imported when its id is given.
fn apart(managed: &[(KindRef, &LiveObject)], ui: &Ui) {
    let Some((kind, first)) = managed.first() else { return };
    let lines: Vec<String> = managed
        .iter()
        .filter_map(|(kind, found)| {
            let title = found.seen.title(*kind);
            let says = found.seen.managed_by(*kind)?.says();
            Some(format!("  {} {} \"{}\": {}", kind.noun(), found.seen.id, visible(title), visible(&says)))
        })
        .collect();
    let count = render::counted(managed.len(), "object is", "objects are");
    ui.warn(&format!("{count} managed by other tools and not imported:\n{}", lines.join("\n")));
    let word = kind.noun().split(' ').next_back().unwrap_or_default();
    ui.status(&format!("To take one over all the same, name it: `plumb import {word} {}`.", visible(&first.seen.id)));
}

/// The manifest that adopts a live object, or that it was made from.
fn manifest_of<'s>(session: &'s Session, kind: &dyn Kind, found: &LiveObject) -> Option<&'s Resource> {
    let desired = &session.project.desired;
    let owner = found.mark.as_ref().map(|m| &m.owner);
    let mine = owner.filter(|o| o.project == desired.project.name && o.target == desired.mark_target());
    desired.resources.iter().find(|r| {
        let is_it = || {
            if r.is_external() { found.is_called_as(kind, &r.spec) } else { r.adopt.as_ref() == Some(&found.seen.id) }
        };
        r.kind.name() == kind.name() && is_it() || mine.is_some_and(|o| o.address == r.address)
    })
}

type KindRef = &'static dyn Kind;

/// The object with that id, of the one of these kinds that has it.
fn by_id<'l>(kinds: &[KindRef], id: &str, live: &'l Live) -> Result<(KindRef, &'l LiveObject), Failure> {
    let of = |kind: &KindRef| Some((*kind, live.of(kind.name()).iter().find(|f| f.seen.id == id)?));
    match kinds.iter().filter_map(of).collect::<Vec<_>>().as_slice() {
        [one] => Ok(*one),
        [] => {
            let nouns: Vec<&str> = kinds.iter().map(|k| k.noun()).collect();
            Err(Failure::error(format!("no {} has the id {id}", nouns.join(" and no "))).hint("nothing was written"))
        }
        several => {
            let names: Vec<&str> = several.iter().map(|(k, _)| k.name()).collect();
            Err(Failure::usage(format!("{id} may be {}", names.join(" or "))).hint("name the kind in full"))
        }
    }
}

/// `job` for DatabricksJob, and so on: the kinds that a word may mean.
fn named(text: &str) -> Result<Vec<KindRef>, Failure> {
    let all = kinds::objects();
    let kinds = kinds::called(all, text);
    if !kinds.is_empty() {
        return Ok(kinds);
    }
    let hint = kinds::suggestion_or_list(&kinds::names(all), text);
    Err(Failure::usage(format!("no kind is called `{}`", visible(text))).hint(hint))
}

/// `jobs` for DatabricksJob, `airflow/pools` for AirflowPool: a folder a kind.
fn folder(kind: &dyn Kind) -> String {
    let word = kind.noun().split(' ').next_back().unwrap_or("object");
    let word = match kind.system() {
        System::Airflow => format!("airflow/{word}"),
        _ => word.to_owned(),
    };
    let word = word.to_ascii_lowercase();
    match word.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{word}s"),
    }
}
