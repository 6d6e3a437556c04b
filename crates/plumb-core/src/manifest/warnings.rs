//! What is no mistake in the manifests of a project, and yet worth knowing.

use super::{Desired, PROJECT_FILE, deadlines, log_delivery, undeclared, waves};
use crate::detect::{self, SecretPlace};
use plumb_model::secrets::SHORTEST_PART;
use plumb_model::yaml::{FileId, Files, Limits, Node, Problem, Problems, Span, is_hidden, parse};

/// More characters than this that do not show are not listed, of one file.
const MOST_HIDDEN: usize = 20;

/// A warning, and the short, stable name of what is checked.
pub type Warning = (&'static str, Problem);

/// Secrets in plain text, secrets of the environment that are too short to be recognised, characters that do not show, clusters
/// whose logs go nowhere, deadlines that the target's Airflow does not watch, secrets and volumes that no manifest declares, and what the kinds say of their specs.
/// `env` is the environment, of which only the names in `spec.env` are asked for. In the order of files and places.
pub fn warnings(desired: &Desired, env: &dyn Fn(&str) -> Option<String>) -> Vec<Warning> {
    let mut all: Vec<Warning> = desired.noted.clone();
    let mut add = |rule: &'static str, problems: Problems| {
        all.extend(problems.sorted().into_iter().map(|problem| (rule, problem)));
    };
    for (_, places) in detect::places(&desired.files, desired.files.ids()) {
        add("secret", plain_secrets(places));
    }
    for file in desired.files.ids() {
        add("hidden-character", hidden(&desired.files, file));
    }
    let project = project(&desired.files);
    add("short-secret", short(project.as_ref(), env));
    add("old-name", old_names(project.as_ref()));
    add("log-delivery", log_delivery::undelivered(desired));
    add("deadline", deadlines::unwatched(desired));
    undeclared::warnings(desired).into_iter().for_each(|(rule, problems)| add(rule, problems));
    waves::warnings(&desired.resources).into_iter().for_each(|(rule, problems)| add(rule, problems));
    all.sort_by(|(_, a), (_, b)| (a.span, &a.message).cmp(&(b.span, &b.message)));
    all
}

fn plain_secrets(places: Vec<SecretPlace>) -> Problems {
    let mut problems = Problems::default();
    for place in places {
        let what = match place.name.as_str() {
            "" => "this has the form of a secret, in plain text".to_owned(),
            name => format!("`{name}` has a secret in plain text"),
        };
        let label = format!("at {}", place.path);
        problems.at(place.span, what, label).secret().help(
            "write `${env.NAME}`, list NAME under `spec.env` of plumb.yaml, and replace the secret: git keeps it",
        );
    }
    problems
}

/// Text that reads otherwise than it is (CVE-2021-42574, "Trojan Source").
fn hidden(files: &Files, file: FileId) -> Problems {
    let mut problems = Problems::default();
    let text = &files.get(file).text;
    // A mark at the very start says how the text is written.
    let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let hides = |c: char| is_hidden(c) && !matches!(c, '\n' | '\r' | '\t');
    let is_plain = |b: u8| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t');
    if text.bytes().all(is_plain) {
        return problems;
    }
    for (at, c) in text[start..].char_indices().filter(|(_, c)| hides(*c)).take(MOST_HIDDEN) {
        let at = start + at;
        let span = Span { file, start: at, end: at + c.len_utf8() };
        let code = u32::from(c);
        let escape = if code > 0xffff { format!("\\U{code:08x}") } else { format!("\\u{code:04x}") };
        problems
            .at(span, format!("the character U+{code:04X} does not show, and may make the text read otherwise"), "here")
            .help(format!("take it out, or write it as `{escape}` in double quotes"));
    }
    problems
}

/// The document of the project file.
fn project(files: &Files) -> Option<Node> {
    let file = files.ids().find(|file| files.get(*file).path == PROJECT_FILE)?;
    let mut mistakes = Problems::default();
    parse(&files.get(file).text, file, &Limits::default(), &mut mistakes).into_iter().next()
}

/// Keys of our own that had another name: they are read for one release more.
fn old_names(project: Option<&Node>) -> Problems {
    let mut problems = Problems::default();
    let targets = project.and_then(|document| document.get("spec")?.get("targets")).map_or(&[][..], Node::entries);
    for target in targets {
        if let Some(node) = target.value.get("databricks").and_then(|databricks| databricks.get("workspace_id")) {
            problems
                .at(node.span, "`workspace_id` is called `workspaceId` now", "read for one release more")
                .help("write `workspaceId`, as the other keys of plumb.yaml");
        }
    }
    problems
}

fn short(project: Option<&Node>, env: &dyn Fn(&str) -> Option<String>) -> Problems {
    let mut problems = Problems::default();
    let names = project.and_then(|document| document.get("spec")?.get("env")).map_or(&[][..], Node::items);
    for (name, node) in names.iter().filter_map(|node| Some((node.as_str()?, node))) {
        if env(name).is_some_and(|value| !value.is_empty() && value.len() < SHORTEST_PART) {
            let what = format!("the value of `{name}` is shorter than {SHORTEST_PART} characters");
            problems
                .at(node.span, what, "hidden only where it is a whole value")
                .help("`spec.env` is for secrets; what is none is better a variable, under `spec.variables`");
        }
    }
    problems
}
