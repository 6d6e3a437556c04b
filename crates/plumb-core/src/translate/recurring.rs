//! Steps that a cluster is fed again and again: runs of one step are one task.
//!
//! Steps are told by their names without dates and serials, and by the program that they run. Of one name and program,
//! those that stand together in each round (`load --region eu`, `load --region us`, day after day) are tasks of their own;
//! all others are runs of one, of which the newest is the pipeline.

use super::account::{Ask, At, Book};
use super::submit::parse;
use crate::detect::masked;
use crate::inventory::choose::two_before;
use crate::inventory::pattern;
use crate::kinds::emr::api::time;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Steps that were submitted within this time may be of one round.
const ROUND: SignedDuration = SignedDuration::from_hours(6);

/// A step of the pipeline, and its name without what changes from run to run.
pub(super) struct RecurringStep<'a> {
    pub at: At<'a>,
    pub name: String,
}

/// A cluster that stays up is fed the same steps again and again: the newest of each is the pipeline. `steps` are in the
/// order in which they were submitted.
pub(super) fn recurring<'a>(book: &mut Book, root: &At<'a>, steps: Vec<At<'a>>) -> Vec<RecurringStep<'a>> {
    let named = |at: &At<'_>| at.text_of("Name").unwrap_or_else(|| "step".into());
    if !stays(root.value) {
        return steps.into_iter().map(|at| RecurringStep { name: named(&at), at }).collect();
    }
    let values: Vec<&Value> = steps.iter().map(|at| at.value).collect();
    let (mut kept, mut tasks) = (BTreeMap::new(), tasks(&values, has_ended(root.value)));
    tasks.sort_by_key(|task| task.runs.last().copied());
    for task in &tasks {
        let Some((last, before)) = task.runs.split_last() else { continue };
        kept.insert(*last, task.name.clone());
        for run in before {
            book.dropped(&steps[*run], "an earlier run of the same step");
        }
    }
    let doubts: BTreeMap<&str, &Task> =
        tasks.iter().filter(|t| t.doubt.is_some()).map(|t| (t.name.as_str(), t)).collect();
    for (name, task) in doubts {
        let apart = task.doubt == Some(Doubt::Apart);
        let ask = Ask {
            what: format!("whether the steps called `{}` are runs of one step", masked(name)),
            why: "the cluster stays up, and what is known of its steps does not tell",
            options: &["they are: one task", "they are not: a task each"],
            default: if apart { "they are not: a task each" } else { "they are: the newest one is taken" },
            place: "tasks".into(),
        };
        if let Some(at) = task.runs.first().and_then(|run| steps.get(*run)) {
            book.note(at, ask);
        }
    }
    let of = |(i, at)| kept.get(&i).map(|name| RecurringStep { at, name: name.clone() });
    steps.into_iter().enumerate().filter_map(of).collect()
}

/// Whether a cluster stays up when its steps are done.
pub(super) fn stays(input: &Value) -> bool {
    input.pointer("/Cluster/AutoTerminate") == Some(&Value::Bool(false))
}

fn has_ended(input: &Value) -> bool {
    input.pointer("/Cluster/Status/State").and_then(Value::as_str).is_some_and(|state| state.starts_with("TERMINAT"))
}

/// When a step was submitted.
pub(super) fn submitted(step: &Value) -> Option<Timestamp> {
    time(step, "/Status/Timeline/CreationDateTime")
}

/// The two rounds before the newest of a cluster that stays up, the newer first: each as the input of a cluster that had
/// these steps and no others.
pub(super) fn rounds(input: &Value) -> Vec<Value> {
    let steps: Vec<&Value> = input["Steps"].as_array().into_iter().flatten().rev().collect();
    if !stays(input) {
        return Vec::new();
    }
    let tasks = tasks(&steps, has_ended(input));
    let round = |number: usize| {
        let chosen = tasks.iter().filter_map(|task| {
            let times: Vec<Option<Timestamp>> = task.runs.iter().map(|run| submitted(steps[*run])).collect();
            let run = two_before(&times).get(number).map(|at| task.runs[*at])?;
            let mut step = steps[run].clone();
            step["Name"] = json!(task.name);
            // In the order of the newest runs: names that several tasks have are numbered in it.
            Some((task.runs.last().copied(), step))
        });
        let mut chosen: Vec<_> = chosen.collect();
        chosen.sort_by_key(|(order, _)| std::cmp::Reverse(*order));
        let mut input = input.clone();
        input["Steps"] = chosen.into_iter().map(|(_, step)| step).collect();
        input["Cluster"]["AutoTerminate"] = json!(true);
        input
    };
    [0, 1].into_iter().map(round).filter(|input| input["Steps"] != json!([])).collect()
}

/// What the steps of one task have in common.
struct Task {
    name: String,
    /// Places in the list of steps, the oldest first.
    runs: Vec<usize>,
    doubt: Option<Doubt>,
}

/// What was assumed where nothing tells whether steps are runs of one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    Apart,
    One,
}

/// The tasks of steps that are in the order in which they were submitted.
fn tasks(steps: &[&Value], ended: bool) -> Vec<Task> {
    // A cluster that was made for a run and ended with it had one round, also where it did not end by itself.
    let all: Vec<usize> = (0..steps.len()).collect();
    let single = ended && at_once(steps, &all, ROUND) == Some(true);
    let name = |step: &Value| step["Name"].as_str().filter(|name| !name.is_empty()).unwrap_or("step").to_owned();
    let names: Vec<String> = steps.iter().map(|step| name(step)).collect();
    let grouped = pattern::group(names.iter().map(String::as_str));
    let mut by: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (i, (step, name)) in steps.iter().zip(&names).enumerate() {
        let undated = grouped.get(name).unwrap_or(name).clone();
        by.entry((undated, figureless(&program(step)))).or_default().push(i);
    }
    let mut tasks = Vec::new();
    for ((undated, _), runs) in by {
        let (parts, doubt) = told_apart(steps, &runs, single);
        let alone = parts.len() == 1;
        for runs in parts {
            // `part-1` and `part-2` keep the figures that tell them apart.
            let own = runs.last().map(|run| pattern::undated(&names[*run])).filter(|_| !alone);
            tasks.push(Task { name: own.unwrap_or_else(|| undated.clone()), runs, doubt });
        }
    }
    tasks
}

/// What a step runs: its application or script, without the folder, and its class.
fn program(step: &Value) -> String {
    let jar = step.pointer("/Config/Jar").and_then(Value::as_str).unwrap_or_default();
    let args = step.pointer("/Config/Args").and_then(Value::as_array).into_iter().flatten();
    let words: Vec<String> = args.filter_map(Value::as_str).map(str::to_owned).collect();
    let short = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    let submits = words.iter().position(|word| short(word) == "spark-submit");
    let parsed = submits.and_then(|at| parse(&words[at + 1..]).ok());
    match parsed.as_ref().and_then(|parsed| Some((parsed, parsed.application.as_ref()?))) {
        Some((parsed, application)) => {
            format!("{} {}", short(&application.text), parsed.last("--class").unwrap_or_default())
        }
        None => {
            let class = step.pointer("/Config/MainClass").and_then(Value::as_str).unwrap_or_default();
            let first = words.first().map(|word| short(word)).unwrap_or_default();
            format!("{} {class} {first}", short(jar))
        }
    }
}

fn figureless(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

/// Steps of one name and program as the runs of each task.
fn told_apart(steps: &[&Value], runs: &[usize], single: bool) -> (Vec<Vec<usize>>, Option<Doubt>) {
    let one = |doubt| (vec![runs.to_vec()], doubt);
    let said = |of: &dyn Fn(&str) -> String| -> Vec<String> {
        let args = |run: &usize| {
            let name = steps[*run]["Name"].as_str().unwrap_or_default();
            let args = steps[*run].pointer("/Config/Args").and_then(Value::as_array).into_iter().flatten();
            let args = args.filter_map(Value::as_str).map(of);
            std::iter::once(of(name)).chain(args).collect::<Vec<_>>().join("\u{0}")
        };
        runs.iter().map(args).collect()
    };
    let times: Vec<Option<Timestamp>> = runs.iter().map(|run| submitted(steps[*run])).collect();
    let by = |forms: &[String]| -> Vec<Vec<usize>> {
        let mut by: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
        for (form, run) in forms.iter().zip(runs) {
            by.entry(form).or_default().push(*run);
        }
        by.into_values().collect()
    };
    let raw = said(&str::to_owned);
    if single {
        // What is the very same was tried again.
        return (by(&raw), None);
    }
    let undated = said(&|text| pattern::of(text));
    if undated.iter().all(|form| *form == undated[0]) {
        // Two dates at once may be those of each round, or what was made up for.
        let near = |at: &usize| {
            raw[*at] != raw[*at + 1]
                && at_once(steps, &runs[*at..=*at + 1], SignedDuration::from_hours(1)) == Some(true)
        };
        return one((0..runs.len() - 1).any(|at| near(&at)).then_some(Doubt::One));
    }
    let figureless = said(&|text| figureless(&pattern::of(text)));
    let same_but_figures = figureless.iter().all(|form| *form == figureless[0]);
    for forms in [&undated, &figureless] {
        if are_together(forms, &times) {
            return (by(forms), None);
        }
    }
    // Where none recurs, nothing but their times tells rounds apart.
    let kinds: BTreeSet<&String> = undated.iter().collect();
    if kinds.len() < runs.len() {
        // One that took the other's place is its successor; where they take turns, nothing tells.
        let turns = undated.windows(2).filter(|pair| pair[0] != pair[1]).count();
        return one((turns >= kinds.len()).then_some(Doubt::One));
    }
    match (at_once(steps, runs, ROUND), same_but_figures) {
        (Some(false), _) => one(None),
        (Some(true), false) => (runs.iter().map(|run| vec![*run]).collect(), Some(Doubt::Apart)),
        (Some(true), true) | (None, _) => one(Some(Doubt::One)),
    }
}

/// Whether steps were submitted within some time; `None` where that of one is not known.
fn at_once(steps: &[&Value], runs: &[usize], within: SignedDuration) -> Option<bool> {
    let times: Option<Vec<Timestamp>> = runs.iter().map(|run| submitted(steps[*run])).collect();
    let times = times?;
    Some(times.iter().max()?.duration_since(*times.iter().min()?) < within)
}

/// Whether steps of different forms occur together in each round: at least twice all of them, and nearer to each other
/// than the rounds are.
fn are_together(forms: &[String], times: &[Option<Timestamp>]) -> bool {
    let all: BTreeSet<&String> = forms.iter().collect();
    let mut rounds: Vec<Vec<usize>> = vec![Vec::new()];
    for (i, form) in forms.iter().enumerate() {
        let is_new = rounds.last().is_some_and(|round| round.iter().any(|other| &forms[*other] == form));
        if is_new {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.last_mut() {
            round.push(i);
        }
    }
    let whole = rounds.iter().filter(|round| round.len() == all.len()).count();
    // EMR may have forgotten a part of the first one, and the last one may be under way.
    let inner = rounds.get(1..rounds.len().saturating_sub(1)).unwrap_or_default();
    if all.len() < 2 || whole < 2 || inner.iter().any(|round| round.len() < all.len()) {
        return false;
    }
    let starts: Option<Vec<Timestamp>> = rounds.iter().map(|round| times[*round.first()?]).collect();
    let ends: Option<Vec<Timestamp>> = rounds.iter().map(|round| times[*round.last()?]).collect();
    let (Some(starts), Some(ends)) = (starts, ends) else { return true };
    let longest = starts.iter().zip(&ends).map(|(start, end)| end.duration_since(*start)).max();
    let apart = starts.iter().skip(1).zip(&ends).map(|(start, end)| start.duration_since(*end)).min();
    longest.zip(apart).is_none_or(|(longest, apart)| longest < apart)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps by name, arguments behind the application and hour, the oldest first.
    fn kept(steps: &[(&str, &str, i64)]) -> (Vec<String>, usize) {
        kept_of("WAITING", steps)
    }

    fn kept_of(state: &str, steps: &[(&str, &str, i64)]) -> (Vec<String>, usize) {
        let step = |(name, args, hour): &(&str, &str, i64)| {
            let mut words = vec!["spark-submit", "s3://a/load.py"];
            words.extend(args.split(' '));
            json!({ "Name": name, "Config": { "Jar": "command-runner.jar", "Args": words },
                    "Status": { "Timeline": { "CreationDateTime": 1_793_500_000 + hour * 3600 } } })
        };
        let steps: Vec<Value> = steps.iter().rev().map(step).collect();
        let cluster = json!({ "AutoTerminate": false, "Status": { "State": state } });
        let input = json!({ "Cluster": cluster, "Steps": steps });
        let mut book = Book::default();
        let root = At::root(&input);
        let mut all = root.list("Steps");
        all.reverse();
        let kept = recurring(&mut book, &root, all);
        let shown = |step: &RecurringStep<'_>| {
            let args = step.at.path("Config.Args").map(|at| at.items()).unwrap_or_default();
            let args: Vec<String> = args.iter().skip(2).filter_map(At::text).collect();
            format!("{}: {}", step.name, args.join(" "))
        };
        (kept.iter().map(shown).collect(), book.decisions.len())
    }

    #[test]
    fn dates_in_names_do_not_double_a_task() {
        let daily = [
            ("load 2026-10-05", "--day 2026-10-05 --run-id 1041", 0),
            ("mart 2026-10-05", "--all", 1),
            ("load 2026-10-06", "--day 2026-10-06 --run-id 1042", 24),
            ("mart 2026-10-06", "--all --again", 25),
            ("load 2026-10-07", "--day 2026-10-07 --run-id 1043", 48),
        ];
        let (kept, asked) = kept(&daily);
        assert_eq!(kept, ["mart: --all --again", "load: --day 2026-10-07 --run-id 1043"]);
        assert_eq!(asked, 0);
    }

    #[test]
    fn what_is_together_in_each_round_stays_apart() {
        let (all, asked) = kept(&[
            ("load 2026-10-05", "--region eu", 0),
            ("load 2026-10-05", "--region us", 1),
            ("load 2026-10-06", "--region eu", 24),
            ("load 2026-10-06", "--region us", 25),
        ]);
        assert_eq!((all, asked), (vec!["load: --region eu".into(), "load: --region us".into()], 0));
        let (all, asked) =
            kept(&[("part-1", "-s 1", 0), ("part-2", "-s 2", 0), ("part-1", "-s 1", 24), ("part-2", "-s 2", 24)]);
        assert_eq!((all, asked), (vec!["part-1: -s 1".into(), "part-2: -s 2".into()], 0));
        // What changes from one day to another is no second task.
        let (all, asked) =
            kept(&[("load", "--full", 0), ("load", "--full", 24), ("load", "--less", 48), ("load", "--less", 72)]);
        assert_eq!((all, asked), (vec!["load: --less".into()], 0));
        let (all, asked) = kept(&[("load", "--full", 0), ("load", "--less", 24)]);
        assert_eq!((all, asked), (vec!["load: --less".into()], 0));
    }

    #[test]
    fn where_nothing_tells_it_is_asked() {
        let (all, asked) = kept(&[("load", "--region eu", 0), ("load", "--region us", 1)]);
        assert_eq!((all.len(), asked), (2, 1));
        let (all, asked) = kept(&[("load", "--shard 1", 0), ("load", "--shard 2", 1)]);
        assert_eq!((all.len(), asked), (1, 1));
        let (all, asked) = kept(&[("load 2026-09", "2026-09", 0), ("load 2026-10", "2026-10", 0)]);
        assert_eq!((all, asked), (vec!["load: 2026-10".into()], 1));
        let (all, asked) =
            kept(&[("load", "--full", 0), ("load", "--less", 24), ("load", "--less", 48), ("load", "--full", 72)]);
        assert_eq!((all, asked), (vec!["load: --full".into()], 1));
        // A cluster that a DAG makes and ends has one round.
        let (all, asked) = kept_of("TERMINATED", &[("load", "--shard 1", 0), ("load", "--shard 2", 1)]);
        assert_eq!((all.len(), asked), (2, 0));
        let (all, asked) = kept_of("TERMINATED", &[("load 2026-09", "2026-09", 0), ("load 2026-10", "2026-10", 0)]);
        assert_eq!((all.len(), asked), (2, 0));
        let (all, asked) = kept_of("TERMINATED", &[("load", "--shard 1", 0), ("load", "--shard 1", 1)]);
        assert_eq!((all.len(), asked), (1, 0));
        let (all, asked) = kept_of("TERMINATED", &[("load", "--shard 1", 0), ("load", "--shard 2", 25)]);
        assert_eq!((all.len(), asked), (1, 0));
    }

    #[test]
    fn earlier_rounds_have_the_runs_before() {
        let step = |name: &str, day: &str| {
            json!({ "Name": format!("{name} {day}"), "Status": { "Timeline": { "CreationDateTime": format!("{day}T04:00:00Z") } },
                    "Config": { "Jar": "command-runner.jar", "Args": ["spark-submit", "s3://a/x.py", name, day] } })
        };
        let days = ["2026-10-06", "2026-10-05", "2026-10-04", "2026-09-30"];
        let steps: Vec<Value> = days.iter().flat_map(|day| [step("mart", day), step("load", day)]).collect();
        let input = json!({ "Cluster": { "AutoTerminate": false }, "Steps": steps });
        let rounds = rounds(&input);
        let days: Vec<&Value> = rounds.iter().map(|round| &round["Steps"][0]["Config"]["Args"][3]).collect();
        assert_eq!(days, ["2026-10-05", "2026-09-30"]);
        assert_eq!(rounds[0]["Steps"].as_array().map(Vec::len), Some(2));
        assert_eq!(rounds[0]["Steps"][0]["Name"], "mart");
    }
}
