//! Commands of other tools and options of other commands, and how plumb does what they do. None of them is one here, and no help
//! lists them.

use crate::ui::Failure;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// A word of Terraform, of bundles or of kubectl, and the way here.
const WORDS: [(&[&str], &str); 18] = [
    (
        &["destroy", "delete", "remove", "rm", "down"],
        "delete the manifest, then `plumb apply`: what is owned and has no manifest is deleted, and `plumb plan` shows it \
         before. `plumb release ADDRESS` lets an object go without deleting it",
    ),
    (
        &["deploy", "up", "sync", "reconcile", "push", "create", "update"],
        "`plumb apply --target NAME`; `plumb plan` shows what it would do",
    ),
    (
        &["diff", "preview"],
        "`plumb plan --target NAME`; `plumb drift` compares what is live with git, and says of each \
         field whether it was changed live since the last apply",
    ),
    (
        &["refresh"],
        "every command reads what is live: there is nothing to refresh. `plumb drift` shows what was changed live",
    ),
    (
        &["state", "taint", "untaint"],
        "there is no state file: `plumb status` lists what is owned, `plumb show ADDRESS` one object, `metadata.previousNames` \
         renames, `plumb release ADDRESS` lets an object go",
    ),
    (&["force-unlock"], "`plumb unlock` takes the lease of somebody who is gone"),
    (&["fmt", "format"], "plumb formats no files: any YAML formatter does. `plumb validate` checks them"),
    (&["check", "lint", "test"], "`plumb validate`"),
    (&["output", "describe"], "`plumb show ADDRESS --output json`"),
    (&["get", "list", "ls", "resources"], "`plumb status` lists what is owned, `plumb show ADDRESS` shows one"),
    (&["logs", "events"], "`plumb diagnose ADDRESS` reads the logs of a failed run and says why it failed"),
    (
        &["workspace", "workspaces", "env", "environments"],
        "targets take their place: `plumb targets` lists them, `--target NAME` picks one",
    ),
    (&["generate", "bind", "adopt"], "`plumb import KIND ID` writes the manifest of an existing object"),
    (
        &["run-now", "trigger", "start", "launch", "submit"],
        "`plumb run JOB` starts a run of a job, `--wait` follows it",
    ),
    (
        &["bundle", "bundles"],
        "there are no bundles: `plumb validate`, `plumb plan`, `plumb apply` and `plumb run JOB` take their place",
    ),
    (&["cancel", "cancel-run", "stop"], "plumb stops no runs: `databricks jobs cancel-run RUN_ID` does"),
    (&["browse", "url", "link"], "`plumb open ADDRESS` prints where an object can be looked at"),
    (&["rollback", "undo", "revert"], "`git revert` the commit, then `plumb apply`"),
];

/// Options that a command of plumb has not, and the way here: the option of what, and of which command.
const OPTIONS: [(&str, &str, &str); 3] = [
    (
        "apply",
        "--plan",
        "the file of a plan is an argument: `plumb plan --out plan.json`, then `plumb apply plan.json`",
    ),
    (
        "apply",
        "--heal",
        "`plumb ci drift --heal KIND` undoes what was changed live; `plumb apply` does all that the plan shows",
    ),
    (
        "drift",
        "--heal",
        "`plumb ci drift --heal KIND` undoes what was changed live; `plumb drift --write` takes it into git",
    ),
];

/// What to say where somebody typed a command of another tool, or an option of another command.
pub fn answer(error: &clap::Error) -> Option<Failure> {
    let said = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = said(ContextKind::InvalidSubcommand)?;
            let (_, way) = WORDS.iter().find(|(words, _)| words.contains(&word))?;
            Some(Failure::usage(format!("plumb has no command `{word}`")).hint(*way))
        }
        ErrorKind::UnknownArgument => {
            let option = said(ContextKind::InvalidArg)?;
            let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) else { return None };
            let usage = usage.to_string();
            let is_of = |command: &str| usage.contains(&format!("plumb {command} "));
            let (command, _, way) = OPTIONS.iter().find(|(command, name, _)| *name == option && is_of(command))?;
            Some(Failure::usage(format!("`plumb {command}` has no option `{option}`")).hint(*way))
        }
        _ => None,
    }
}
