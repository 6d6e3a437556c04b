//! `forecast` of plumb.yaml: what its schema cannot say.

use super::{PROJECT_FILE, Project};
use jiff::civil::Date;
use plumb_model::yaml::{Files, Limits, Node, Problems, nearest, parse};

/// The stages that `forecast.days` may name.
pub(super) const STAGES: [&str; 6] = ["inventory", "translate", "decide", "deploy", "parity", "teardown"];
/// No stage takes longer: ten years.
const MOST_DAYS: f64 = 3650.0;
const MOST_AT_ONCE: u32 = 1000;

/// Reports days that are none, ranges that are none, and stages that nobody knows.
pub(super) fn of_project(project: &Project, spec: &Node, problems: &mut Problems) {
    let Some(forecast) = &project.forecast else { return };
    let by = forecast.by.iter().map(|day| ("forecast.by".to_owned(), day));
    let holidays = forecast.holidays.iter().enumerate().map(|(i, day)| (format!("forecast.holidays[{i}]"), day));
    for (path, day) in by.chain(holidays) {
        if day.len() != 10 || day.parse::<Date>().is_err() {
            let shown: String = day.chars().take(40).collect();
            problems.at(spec.at(&path).span, format!("`{shown}` is no day"), "expected one like `2026-12-18`");
        }
    }
    for (path, count) in [("forecast.people", forecast.people), ("forecast.replaysAtOnce", forecast.replays_at_once)] {
        if count.is_some_and(|count| !(1..=MOST_AT_ONCE).contains(&count)) {
            let label = format!("expected a number from 1 to {MOST_AT_ONCE}");
            problems.at(spec.at(path).span, format!("`{}` is too few or too many", count.unwrap_or(0)), label);
        }
    }
    let days = spec.get("forecast").and_then(|forecast| forecast.get("days")).map_or(&[][..], Node::entries);
    for entry in days.iter().filter(|entry| !STAGES.contains(&entry.key.as_str())) {
        let label = match nearest(&entry.key, STAGES) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the stages are {}", STAGES.join(", ")),
        };
        problems.at(entry.key_span, format!("there is no stage `{}`", entry.key), label);
    }
    for (stage, [least, likely, most]) in &forecast.days {
        let days = [*least, *likely, *most];
        let span = spec.at(&format!("forecast.days.{stage}")).span;
        if !days.iter().all(|day| *day > 0.0 && *day <= MOST_DAYS) {
            let message = format!("`{stage}` takes {least}, {likely} or {most} days");
            problems.at(span, message, "expected numbers of working days that are greater than 0, 3650 at most");
        } else if !(least <= likely && likely <= most) {
            let message = format!("`{stage}` takes {least} days at least, {likely} likely and {most} at most");
            problems.at(span, message, "expected `[least, most likely, most]`, rising: `[1, 2, 4]`");
        }
    }
}

/// Where plumb.yaml says something of forecasts: `plumb.yaml:12:9`. `None` where it does not.
pub fn forecast_place(files: &Files, member: &str) -> Option<String> {
    let file = files.ids().find(|id| files.get(*id).path == PROJECT_FILE)?;
    let nodes = parse(&files.get(file).text, file, &Limits::default(), &mut Problems::default());
    let span = nodes.first()?.get("spec")?.get("forecast")?.get(member)?.span;
    let (line, column) = files.position(span);
    Some(format!("{PROJECT_FILE}:{line}:{column}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::manifest::{InMemory, Request, load};

    /// The mistakes of a `forecast`, each with its line and column.
    fn mistakes(forecast: &str) -> Vec<String> {
        let text = format!(
            "apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: p}}\nspec:\n  targets: {{dev: {{default: true}}}}\n  forecast:\n{forecast}"
        );
        let source = InMemory([("plumb.yaml".to_owned(), text.into_bytes())].into());
        let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
        let Err(failure) = load(&source, &request, &[]) else { return Vec::new() };
        let place = |problem: &plumb_model::yaml::Problem| {
            let (line, column) = failure.files.position(problem.span?);
            Some(format!("{}:{} {}: {}", line, column, problem.message, problem.label))
        };
        failure.problems.iter().filter_map(place).collect()
    }

    #[test]
    fn a_forecast_has_days_stages_and_ranges_that_are_some() {
        let good = "    people: 2\n    by: 2026-12-18\n    holidays: [2026-12-25]\n    replaysAtOnce: 2\n    \
                    days: {inventory: [1, 1, 2], translate: [0.5, 2, 4], decide: [1, 3, 10], deploy: [1, 1, 3], parity: [1, 3, 10], teardown: [1, 1, 1]}\n";
        assert_eq!(mistakes(good), [""; 0]);
        let mut files = Files::default();
        files.add("plumb.yaml", "spec:\n  forecast:\n    people: 2\n    by: 2026-12-18\n");
        assert_eq!(forecast_place(&files, "by").as_deref(), Some("plumb.yaml:4:9"));
        assert_eq!(forecast_place(&files, "days"), None);
        for (wrong, said) in [
            ("    by: soon\n", "7:9 `soon` is no day: expected one like `2026-12-18`"),
            ("    by: \"20261218\"\n", "7:9 `20261218` is no day: expected one like `2026-12-18`"),
            ("    holidays: [2026-12-25, 2026-02-30]\n", "7:28 `2026-02-30` is no day: expected one like `2026-12-18`"),
            ("    people: 0\n", "7:13 `0` is too few or too many: expected a number from 1 to 1000"),
            ("    replaysAtOnce: 0\n", "7:20 `0` is too few or too many: expected a number from 1 to 1000"),
            ("    days: {translat: [1, 2, 4]}\n", "7:12 there is no stage `translat`: did you mean `translate`?"),
            (
                "    days: {decide: [0, 2, 4]}\n",
                "7:20 `decide` takes 0, 2 or 4 days: expected numbers of working days that are greater than 0, 3650 at most",
            ),
            (
                "    days: {decide: [1, 2, .inf]}\n",
                "7:20 `decide` takes 1, 2 or inf days: expected numbers of working days that are greater than 0, 3650 at most",
            ),
            (
                "    days: {decide: [1, 5, 4]}\n",
                "7:20 `decide` takes 1 days at least, 5 likely and 4 at most: expected `[least, most likely, most]`, rising: `[1, 2, 4]`",
            ),
        ] {
            assert_eq!(mistakes(wrong), [said], "{wrong}");
        }
    }
}
