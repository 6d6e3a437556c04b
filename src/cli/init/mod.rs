//! `plumb init`.

mod ci;
mod files;
mod next;

use super::Global;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use ci::CiService;
use clap::Args;
use files::NewFiles;
use next::NextSteps;
use plumb_core::{manifest, schemas};
use std::path::{Path, PathBuf};

/// Begin a project: write plumb.yaml, an example, and what editors and git need
///
/// Targets are the sandbox, an emulator on this machine, and those that --target names; without it a terminal is asked, and
/// elsewhere there is one, prod. Each signs in with the profile of its name in ~/.databrickscfg. With --ci also what plans
/// merge and pull requests, applies what was merged and looks for drift; in a project that is there already, these alone. Nothing
/// is overwritten. In a folder of another project it begins one only where `-C` names that folder.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb init
  plumb init --name bau-insights --target staging --target prod
  plumb init && plumb import --all --target prod && plumb plan --target prod
  plumb init --ci github")]
pub struct Init {
    /// Name of the project [default: the folder's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Target beside the sandbox, and profile of ~/.databrickscfg; may be repeated [default: prod]
    #[arg(long, short, value_name = "NAME")]
    target: Vec<String>,
    /// Write pipelines that run plumb
    #[arg(long, value_name = "SERVICE", value_enum)]
    ci: Option<CiService>,
}

/// The target that needs no account.
const SANDBOX: &str = "sandbox";
/// The target that a project begins with, where nobody names one.
const FIRST: &str = "prod";
/// The example, which is no manifest before it is renamed.
const EXAMPLE: &str = "manifests/example.yaml.txt";

/// Writes the files.
pub fn run(global: &Global, args: Init, ui: &Ui) -> Result<ExitCode, Failure> {
    if let Some(name) = &args.name {
        check_name("--name", name)?;
    }
    args.target.iter().try_for_each(|name| check_name("--target", name))?;
    let dir = global.project.clone().unwrap_or_else(|| PathBuf::from("."));
    let file = dir.join("plumb.yaml");
    if file.exists() {
        return in_project(&dir, args, ui);
    }
    if global.project.is_none() {
        check_outer()?;
    }
    let failed = |e: std::io::Error| Failure::error(format!("{}: {e}", dir.display()));
    std::fs::create_dir_all(&dir).map_err(failed)?;
    if args.ci.is_some() {
        ci::check_place(&dir)?;
    }
    let name = match args.name {
        Some(name) => name,
        None => named_as(&dir.canonicalize().map_err(failed)?),
    };
    let targets = targets(args.target, ui)?;
    let mut new = NewFiles::new(&dir, ui);
    new.write_folder("schemas", &schemas::manifest_files())?;
    new.write(EXAMPLE, include_str!("example.yaml.txt"))?;
    new.add_line(".gitignore", ".plumb/")?;
    // Last: what went wrong before can be tried again.
    new.write("plumb.yaml", &project(&name, &targets))?;
    new.tell()?;
    let mut next = NextSteps::default();
    next.of_project(&targets);
    if let Some(service) = args.ci {
        ci::write(&dir, service, targets.first().map(String::as_str), &mut next, ui)?;
    }
    next.with_example();
    next.tell(ui);
    Ok(ExitCode::Ok)
}

/// Refuses a folder of another project: two projects would own what is in it, and one begun there is seldom meant.
fn check_outer() -> Result<(), Failure> {
    let Ok(outer) = settings::project_dir(None) else { return Ok(()) };
    let failure = Failure::usage(format!(
        "this folder is in the project of {}; nothing was written",
        outer.join("plumb.yaml").display()
    ));
    Err(failure.hint("run it in that project's folder; to begin another project here all the same: `plumb -C . init`"))
}

/// What can be added to a project that is there already.
fn in_project(dir: &Path, args: Init, ui: &Ui) -> Result<ExitCode, Failure> {
    let Some(service) = args.ci else {
        return Err(Failure::error(format!(
            "{} is there already; nothing was written",
            dir.join("plumb.yaml").display()
        )));
    };
    if let Some(name) = &args.name {
        return Err(Failure::usage(format!("--name {name}: the project has a name already")));
    }
    if let Some(name) = args.target.first() {
        let failure = Failure::usage(format!("--target {name}: the project is there already"));
        return Err(failure.hint("add the target to `spec.targets` of plumb.yaml"));
    }
    ci::check_place(dir)?;
    let mut next = NextSteps::default();
    ci::write(dir, service, None, &mut next, ui)?;
    next.tell(ui);
    Ok(ExitCode::Ok)
}

/// Refuses a name that could not stand in an address or a mark.
fn check_name(what: &str, name: &str) -> Result<(), Failure> {
    match manifest::unfit_name(name) {
        None => Ok(()),
        Some(why) => {
            Err(Failure::usage(format!("{what}: `{name}` cannot be a name: {why}")).hint("nothing was written"))
        }
    }
}

/// A name for a project in this folder.
fn named_as(folder: &Path) -> String {
    let folder = folder.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(63).collect();
    let name = plain.trim_matches('-');
    if manifest::unfit_name(name).is_none() { name.to_owned() } else { "project".to_owned() }
}

/// The targets beside the sandbox, each once, in the order in which they were named.
fn targets(mut given: Vec<String>, ui: &Ui) -> Result<Vec<String>, Failure> {
    if given.is_empty() {
        let question = "Target to begin with, which is a profile of ~/.databrickscfg too";
        let answer = ui.ask(question, FIRST)?;
        check_name("the target", &answer)?;
        given.push(answer);
    }
    let mut targets: Vec<String> = Vec::new();
    for name in given {
        if name != SANDBOX && !targets.contains(&name) {
            targets.push(name);
        }
    }
    Ok(targets)
}

fn project(name: &str, targets: &[String]) -> String {
    let targets: String =
        targets.iter().map(|target| format!("    {target}:\n      databricks: {{profile: {target}}}\n")).collect();
    format!(
        "\
# yaml-language-server: $schema=schemas/plumb.json
apiVersion: plumb/v1
kind: Project
metadata:
  name: {name}
spec:
  manifests: [manifests]
  targets:
    {SANDBOX}:
      sandbox: true             # the embedded emulator: no account needed
      default: true
{targets}  guards: {{maxDeletes: 3, maxChangePercent: 30}}
"
    )
}
