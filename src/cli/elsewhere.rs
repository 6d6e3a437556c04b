//! Commands of other tools, and how plumb does what they do. None of them is a command here, and no help lists them.

use crate::ui::Failure;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// A word of Terraform, of bundles or of kubectl, and the way here.
const WORDS: [(&[&str], &str); 14] = [
    (
        &["destroy", "delete", "remove", "rm", "down"],
        "delete the manifest, then `plumb apply`: what is owned and has no manifest is deleted, and `plumb plan` shows it \
         before. `plumb release ADDRESS` lets an object go without deleting it",
    ),
    (
        &["deploy", "up", "sync", "reconcile", "push", "create", "update"],
        "`plumb apply --target NAME`; `plumb plan` shows what it would do",
    ),
    (&["diff", "preview"], "`plumb plan --target NAME`; `plumb drift` compares with what was last applied"),
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
    (&["rollback", "undo", "revert"], "`git revert` the commit, then `plumb apply`"),
];

/// What to say where somebody typed a command of another tool.
pub fn answer(error: &clap::Error) -> Option<Failure> {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return None;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let (_, way) = WORDS.iter().find(|(words, _)| words.contains(&word.as_str()))?;
    Some(Failure::usage(format!("plumb has no command `{word}`")).hint(*way))
}
