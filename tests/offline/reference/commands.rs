//! The reference of the command line: every command with its options, as clap has them.

use super::{cell, documents, places};
use clap::{Arg, Command};
use std::collections::BTreeMap;

/// The heading of the options that every command takes.
const GLOBAL: &str = "global options";

/// Every command that is not hidden, by its words: `ci plan`; `plumb` itself under "".
fn tree() -> BTreeMap<String, Command> {
    let mut all = BTreeMap::new();
    // Wide enough to break no line: what is too long for a table breaks by itself.
    let mut top = plumb::cli::command().term_width(1000);
    top.build();
    let mut left = vec![(String::new(), top)];
    while let Some((words, command)) = left.pop() {
        for inner in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
            let words = format!("{words} {}", inner.get_name()).trim().to_owned();
            left.push((words, inner.clone()));
        }
        all.insert(words, command);
    }
    all
}

/// The arguments that a command has for itself.
fn own(command: &Command) -> Vec<&Arg> {
    let is_own =
        |arg: &&Arg| !arg.is_global_set() && !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    command.get_arguments().filter(is_own).collect()
}

/// How many commands there are, those of groups counted and the groups themselves not.
pub fn count() -> usize {
    tree().values().filter(|command| command.get_subcommands().all(|inner| inner.get_name() == "help")).count()
}

/// The values that a long option of a command may have.
pub fn values(words: &str, long: &str) -> Vec<String> {
    let command = &tree()[words];
    let arg = own(command).into_iter().find(|arg| arg.get_long() == Some(long));
    let arg = arg.unwrap_or_else(|| panic!("plumb {words} has no --{long}"));
    arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect()
}

/// The generated parts, by the names of their markers.
pub fn parts() -> BTreeMap<String, String> {
    let tree = tree();
    let mut parts: BTreeMap<String, String> = tree
        .iter()
        .filter(|(words, _)| !words.is_empty())
        .map(|(words, command)| (format!("command {words}"), about(words, command)))
        .collect();
    let global: Vec<&Arg> = tree[""].get_arguments().filter(|arg| arg.is_global_set()).collect();
    parts.insert(GLOBAL.to_owned(), table(&global));
    parts
}

/// What a command does, its usage and its options.
fn about(words: &str, command: &Command) -> String {
    let told = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").trim();
    assert!(usage.starts_with(&format!("plumb {words}")), "{usage}");
    let mut out = format!("{}\n\n```text\n{usage}\n```\n", sentences(&told));
    let own = own(command);
    if !own.is_empty() {
        out.push_str(&format!("\n{}\n", table(&own)));
    }
    if let Some(examples) = command.get_after_help().map(ToString::to_string)
        && let Some(examples) = examples.split("Examples:\n").nth(1)
    {
        let lines: Vec<&str> = examples.lines().take_while(|line| line.starts_with("  ")).map(|l| &l[2..]).collect();
        out.push_str(&format!("\n```text\n{}\n```\n", lines.join("\n")));
    }
    out
}

/// Paragraphs that each end as a sentence does.
fn sentences(told: &str) -> String {
    let ended = |text: &str| {
        let text = text.trim();
        if text.ends_with(['.', ':', '?', '!']) { text.to_owned() } else { format!("{text}.") }
    };
    told.split("\n\n").map(ended).collect::<Vec<_>>().join("\n\n")
}

fn table(arguments: &[&Arg]) -> String {
    let rows = arguments.iter().map(|arg| format!("| {} | {} |\n", name(arg), cell(&meaning(arg))));
    format!("| option | what it does |\n|---|---|\n{}", rows.collect::<String>())
}

/// How an argument is written: `-t`, `--target <NAME>`.
fn name(arg: &Arg) -> String {
    let takes = arg.get_action().takes_values();
    let values = arg.get_value_names().unwrap_or_default();
    let value = values.iter().map(|name| format!("<{name}>")).collect::<Vec<_>>().join(" ");
    let value = match arg.get_num_args() {
        Some(range) if takes && range.min_values() == 0 => format!("[{value}]"),
        _ => value,
    };
    if arg.is_positional() {
        let shown = if arg.is_required_set() { value } else { format!("[{}]", value.trim_matches(['<', '>'])) };
        return format!("`{}`", cell(&shown));
    }
    let short = arg.get_short().map(|c| format!("`-{c}`, ")).unwrap_or_default();
    let long = arg.get_long().unwrap_or_default();
    let value = if takes { cell(&format!(" {value}")) } else { String::new() };
    let space = if value.is_empty() { "" } else { " " };
    format!("{short}`--{long}{space}{value}`")
}

fn meaning(arg: &Arg) -> String {
    let told = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut out = sentences(&told);
    let values: Vec<_> = arg.get_possible_values().into_iter().filter(|v| !v.is_hide_set()).collect();
    if arg.get_action().takes_values() && !values.is_empty() {
        let told = values.iter().map(|value| {
            let help = value.get_help().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("`{}`{help}", value.get_name())
        });
        out.push_str(&format!(" One of {}.", told.collect::<Vec<_>>().join(", ")));
    }
    let default: Vec<String> = arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
    if arg.get_action().takes_values() && !default.is_empty() {
        out.push_str(&format!(" Default: `{}`.", default.join(" ")));
    }
    if let Some(name) = arg.get_env() {
        out.push_str(&format!(" Environment: `{}`.", name.to_string_lossy()));
    }
    out
}

#[test]
fn every_command_and_every_long_option_stands_in_the_documents() {
    let documents = documents();
    let places = places(&documents);
    let mut missing = Vec::new();
    for (words, command) in tree().iter().filter(|(words, _)| !words.is_empty()) {
        let Some(path) = places.get(&format!("command {words}")) else {
            missing.push(format!("plumb {words}"));
            continue;
        };
        // Of a section, what is generated; a heading names the command.
        let text = &documents[path];
        let heading = format!("\n## plumb {words}\n");
        let Some((_, section)) = text.split_once(&heading) else {
            missing.push(format!("{path}: the heading `## plumb {words}`"));
            continue;
        };
        let section = section.split("\n## ").next().unwrap();
        for long in own(command).iter().filter_map(|arg| arg.get_long()) {
            let is_its = |rest: &str| rest.starts_with(['`', ' ']);
            if !section.split(&format!("`--{long}")).skip(1).any(is_its) {
                missing.push(format!("plumb {words} --{long}"));
            }
        }
    }
    assert!(missing.is_empty(), "docs/commands.md lacks {missing:#?}");
}

#[test]
fn options_are_written_as_they_are_typed() {
    let tree = tree();
    let plan = &tree["plan"];
    let find = |command: &'_ Command, id: &str| own(command).into_iter().find(|a| a.get_id() == id).cloned().unwrap();
    assert_eq!(name(&find(plan, "target")), "`-t`, `--target <NAME>`");
    assert_eq!(name(&find(&tree["apply"], "plan")), "`[PLAN]`");
    assert_eq!(name(&find(&tree["show"], "address")), "`<ADDRESS>`");
    assert_eq!(name(&find(&tree["sandbox"], "airflow")), "`--airflow [<MAJOR>]`");
    assert!(meaning(&find(plan, "target")).ends_with("Environment: `PLUMB_TARGET`."));
    assert!(tree.contains_key("migrate cutover") && !tree.contains_key("help"));
}

/// The variables of the environment that a source reads by name.
fn read_by_name(source: &str) -> Vec<&str> {
    let all = source.split("env(\"").skip(1);
    all.map(|rest| rest.split('"').next().unwrap()).filter(|name| name.starts_with("PLUMB_")).collect()
}

#[test]
fn every_variable_of_the_environment_stands_in_the_documents() {
    let source = std::fs::read_to_string(super::root().join("src/settings.rs")).unwrap();
    let mut names: Vec<String> = read_by_name(&source).into_iter().map(str::to_owned).collect();
    let tree = tree();
    let arguments = tree.values().flat_map(|command| command.get_arguments());
    names.extend(arguments.filter_map(|arg| Some(arg.get_env()?.to_string_lossy().into_owned())));
    names.extend(["PLUMB_NOW", "NO_COLOR"].map(str::to_owned));
    let text = &documents()["docs/commands.md"];
    let missing: Vec<&String> = names.iter().filter(|name| !text.contains(&format!("`{name}`"))).collect();
    assert!(names.len() > 8 && missing.is_empty(), "docs/commands.md lacks {missing:?}");
    assert_eq!(read_by_name("env(\"PLUMB_A\").or(env(\"HOME\")); env(\"PLUMB_B\")"), ["PLUMB_A", "PLUMB_B"]);
}

/// Documents that name options of other programs, which nobody here can look up.
const OF_OTHERS: [&str; 6] = [
    "docs/cost-facts.md",
    "docs/emr-import.md",
    "docs/emr-translation.md",
    "docs/emr.md",
    "docs/performance.md",
    "docs/secrets.md",
];

#[test]
fn every_option_that_a_document_names_exists() {
    let tree = tree();
    let mut known: Vec<&str> = tree.values().flat_map(|c| c.get_arguments().filter_map(|arg| arg.get_long())).collect();
    known.extend(["help", "version"]);
    let (mut count, mut lost) = (0, Vec::new());
    for (path, text) in documents().iter().filter(|(path, _)| !OF_OTHERS.contains(&path.as_str())) {
        let spans = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
        for option in spans.filter_map(|span| span.strip_prefix("--")) {
            let name = option.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next().unwrap();
            count += 1;
            // `--allow-…` stands for several.
            let is_short = option.ends_with('…') && known.iter().any(|one| one.starts_with(name));
            if !known.contains(&name) && !is_short {
                lost.push(format!("{path}: --{option}"));
            }
        }
    }
    assert!(count > 200, "only {count} options were found");
    assert!(lost.is_empty(), "no command has {lost:#?}");
}
