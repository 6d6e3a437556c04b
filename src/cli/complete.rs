//! What a shell is offered at the Tab key: targets, addresses and kinds, from the project in the current folder.
//!
//! It is asked at every Tab. So nothing is sent, nothing is said of mistakes, and manifests are read and not checked.

use crate::disk::Disk;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::ValueEnum;
use clap_complete::env::{EnvCompleter, Shells};
use clap_complete::{CompletionCandidate, Shell};
use plumb_core::kinds;
use plumb_core::kinds::databricks::job::DatabricksJob;
use plumb_core::manifest::{self, Project};
use plumb_core::schemas::Explained;
use plumb_model::address::Address;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The environment variable by which a shell's script asks, its value the shell's name.
const ASKED: &str = settings::COMPLETING;

/// The script that makes a shell ask.
///
/// # Errors
/// The shell is not among those that can ask.
pub fn script(shell: Shell) -> Result<String, Failure> {
    let mut script = Vec::new();
    let written = completer(&shell_name(shell))?.write_registration(ASKED, "plumb", "plumb", "plumb", &mut script);
    written.map_err(|e| Failure::error(e.to_string()))?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

/// Answers a shell, where one asks: `arguments` are those of plumb, of which what is behind `--` is the line so far.
pub fn answer(command: clap::Command, arguments: &[OsString], ui: &Ui) -> Option<ExitCode> {
    let shell = settings::completing()?;
    let line = arguments.iter().position(|word| word == "--").map_or(&[][..], |at| &arguments[at + 1..]);
    let mut command = command;
    command.build();
    let mut offered = Vec::new();
    let here = std::env::current_dir().ok();
    let done = completer(&shell).and_then(|completer| {
        let words = line.to_vec();
        let written = completer.write_complete(&mut command, words, here.as_deref(), &mut offered);
        written.map_err(|e| Failure::error(e.to_string()))?;
        ui.data(&String::from_utf8_lossy(&offered))
    });
    Some(match done {
        Ok(()) => ExitCode::Ok,
        // What a shell prints in the middle of a line helps nobody.
        Err(_) => ExitCode::Usage,
    })
}

fn shell_name(shell: Shell) -> String {
    shell.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn completer(shell: &str) -> Result<&'static dyn EnvCompleter, Failure> {
    const KNOWN: Shells<'static> = Shells::builtins();
    let name = Path::new(shell).file_stem().and_then(|name| name.to_str()).unwrap_or(shell);
    KNOWN
        .0
        .iter()
        .copied()
        .find(|one| one.is(name))
        .ok_or_else(|| Failure::usage(format!("no shell is called `{name}`")))
}

/// The targets of plumb.yaml.
pub fn targets() -> Vec<CompletionCandidate> {
    let about = |project: Project| {
        let target = |target: &manifest::Target| {
            CompletionCandidate::new(&target.name).help(target.default.then(|| "the default".into()))
        };
        project.targets.values().map(target).collect()
    };
    of_project(|disk| manifest::project(disk, kinds::all()).ok()).map_or_else(Vec::new, about)
}

/// The addresses of the manifests.
pub fn addresses() -> Vec<CompletionCandidate> {
    listed().iter().map(|address| CompletionCandidate::new(address.to_string())).collect()
}

/// The addresses of the jobs of the manifests.
pub fn jobs() -> Vec<CompletionCandidate> {
    let jobs = listed().into_iter().filter(|address| address.kind == DatabricksJob::NAME);
    jobs.map(|address| CompletionCandidate::new(address.to_string())).collect()
}

/// The addresses of the manifests, and their kinds.
pub fn selections() -> Vec<CompletionCandidate> {
    let listed = listed();
    let kinds: BTreeSet<&str> = listed.iter().map(|address| address.kind.as_str()).collect();
    let kinds = kinds.into_iter().map(CompletionCandidate::new);
    kinds.chain(listed.iter().map(|address| CompletionCandidate::new(address.to_string()))).collect()
}

/// The names of the manifests of the kind that relates pipelines to each other.
pub fn migrations() -> Vec<CompletionCandidate> {
    let is_relation =
        |address: &&Address| kinds::find(&address.kind).is_some_and(|kind| kind.role() == kinds::Role::Relation);
    listed().iter().filter(is_relation).map(|address| CompletionCandidate::new(&address.name)).collect()
}

/// What `plumb explain` explains: the kinds, and behind a dot their fields, a step at a time.
pub fn explained(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let mut all = Vec::new();
    for kind in Explained::all().into_iter().filter(|kind| !typed.contains('.') || typed.starts_with(kind.kind)) {
        all.push(CompletionCandidate::new(kind.kind).help(Some(kind.summary().into())));
        if typed.contains('.') {
            let paths = kind.paths().into_iter().map(|path| format!("{}.{path}", kind.kind));
            all.extend(paths.map(CompletionCandidate::new));
        }
    }
    let is_next = |one: &CompletionCandidate| {
        one.get_value().to_str().and_then(|text| text.strip_prefix(typed)).is_some_and(|rest| !rest.contains('.'))
    };
    all.retain(is_next);
    all
}

/// The kinds whose objects can be imported.
pub fn imported() -> Vec<CompletionCandidate> {
    let of = |kind: &&'static dyn kinds::Kind| CompletionCandidate::new(kind.name()).help(Some(kind.noun().into()));
    kinds::objects().iter().map(of).collect()
}

fn listed() -> Vec<Address> {
    of_project(|disk| Some(manifest::addresses(disk, kinds::all()))).unwrap_or_default()
}

fn of_project<T>(read: impl FnOnce(&Disk) -> Option<T>) -> Option<T> {
    // `--project` on the line that is being typed is not known here; the variable behind it is.
    let given = settings::env("PLUMB_PROJECT");
    let dir = settings::project_dir(given.as_deref().map(Path::new)).ok()?;
    read(&Disk::new(&dir).ok()?)
}
