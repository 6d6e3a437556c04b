//! A first comparison of what the old and the new pipeline write, out of what the arguments of the old one say is written.

use super::dates::forms::{self, DateUnit};
use super::places;
use super::shadow::ShadowPlaces;
use crate::detect;
use crate::inventory::depends::written;
use crate::inventory::pattern;
use plumb_model::address::slug;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What is in an address that is written to while a pipeline works, and is no output.
const NO_OUTPUT: [&str; 5] = ["checkpoint", "checkpoints", "staging", "tmp", "temp"];

/// A question about a proposed comparison.
pub(super) struct CompareQuestion {
    /// Below `compare`, in the notation of decisions.
    pub place: String,
    pub what: String,
    pub why: &'static str,
    pub options: [&'static str; 2],
    pub default: &'static str,
}

/// An output of the old pipeline.
struct OldOutput {
    name: String,
    /// With placeholders in place of a date, and which period that is of.
    path: String,
    unit: Option<&'static str>,
    /// What stands in it for a date or serial that no placeholder says: the path ends before it.
    cut: Option<String>,
}

/// `spec.compare` for all outputs that the steps of a cluster or the runs of an application name, and what is to be asked
/// about it; `None` where they name none. `shadow` says where the new jobs write meanwhile, `serials` are those of the run.
pub(super) fn compare(input: &Value, shadow: &ShadowPlaces, serials: &[&str]) -> Option<(Value, Vec<CompareQuestion>)> {
    let outputs = old_outputs(input, serials);
    let unit = outputs.iter().find_map(|output| output.unit).unwrap_or("month");
    let mut questions = Vec::new();
    let mut list = Vec::new();
    for output in &outputs {
        let path = &output.path;
        let mut ask = |member: &str, what: String, why, options, default| {
            let place = format!("outputs[{}]{member}", output.name);
            questions.push(CompareQuestion { place, what, why, options, default });
        };
        if let Some(whole) = &output.cut {
            ask(
                ".old.path",
                format!("which part of `{whole}` is a period's"),
                "no placeholder says its date or serial in this form, and that of one run would be wrong in the next",
                [
                    "a placeholder for what follows: `{period}`, `{year}`, `{month}`, `{day}`, `{start}`, `{end}`",
                    "all of it, with `where` for the period",
                ],
                "all of it in every period",
            );
        }
        let new = shadow.instead(path);
        if new.is_none() {
            ask(
                ".new",
                format!("where the new pipeline writes what the old one writes to `{path}`"),
                "both run at the same time until the cutover, so they must not write to one place",
                ["a `table` of Unity Catalog and `warehouse`, with `where` for the period", "a `path` of its own"],
                "a path where nothing is yet: there is no verdict before this is answered",
            );
        }
        let (bucket, key) = path.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
        list.push(json!({
            "name": output.name,
            "old": { "path": path, "format": "parquet" },
            "new": { "path": new.unwrap_or_else(|| format!("s3://{bucket}/databricks/{key}")), "format": "parquet" },
            "keys": [],
        }));
    }
    if !list.is_empty() {
        let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
        questions.insert(
            0,
            CompareQuestion {
                place: "outputs".into(),
                what: format!(
                    "how the files of the outputs are written, and which columns name a row: {}",
                    names.join(", ")
                ),
                why: "the code decides it, and EMR does not know the code; with keys it is known which cells differ",
                options: [
                    "`format` and `keys` of each: `plumb parity suggest` proposes them",
                    "parquet, and rows are a bag: delete this comment",
                ],
                default: "parquet without keys: rows are a bag",
            },
        );
    }
    (!list.is_empty()).then(|| (json!({ "period": unit, "outputs": list }), questions))
}

fn old_outputs(input: &Value, serials: &[&str]) -> Vec<OldOutput> {
    let lines = places::lines(input);
    let written: Vec<String> =
        lines.iter().flat_map(|(jar, args)| written(jar, args)).filter(|raw| is_output(raw)).collect();
    // A comparison has one sort of period.
    let unit = written.iter().find_map(|raw| placed(raw).1);
    let mut outputs: Vec<OldOutput> = Vec::new();
    let mut seen = BTreeSet::new();
    for raw in &written {
        let (path, own) = placed(raw);
        let path = if own == unit { path } else { raw.clone() };
        let (path, cut) = match changing(&path, serials) {
            Some((at, whole)) => (steady(&path[..at]), Some(whole)),
            None => (Some(path), None),
        };
        // Where a bucket has nothing else, no part of it is compared.
        let Some(path) = path else { continue };
        if seen.insert(path.trim_end_matches('/').to_owned()) {
            let name = name_of(&path, &outputs);
            outputs.push(OldOutput { name, path, unit: own.filter(|own| Some(*own) == unit), cut });
        }
    }
    outputs
}

/// Where the first date or serial of a path begins that no placeholder says, and the path without what it was.
fn changing(path: &str, serials: &[&str]) -> Option<(usize, String)> {
    let is_part = |c: char| c.is_ascii_alphanumeric();
    let alone =
        |at: usize, serial: &str| !path[..at].ends_with(is_part) && !path[at + serial.len()..].starts_with(is_part);
    let serial = serials
        .iter()
        .filter(|serial| !serial.is_empty())
        .filter_map(|serial| {
            let at = path.match_indices(serial).map(|(at, _)| at).find(|at| alone(*at, serial))?;
            Some((at, at + serial.len(), "{serial}"))
        })
        .min();
    let date = forms::dates(path).first().map(|spot| (spot.start, spot.end, "{date}"));
    // A form that only names have: `Sep 2026`.
    let odd = || {
        let whole = pattern::of(path);
        let at = whole.find("{date}")?;
        path.starts_with(&whole[..at]).then_some((at, whole))
    };
    match [serial, date].into_iter().flatten().min() {
        Some((from, to, what)) => {
            let rest = changing(&path[to..], serials).map_or_else(|| path[to..].to_owned(), |(_, rest)| rest);
            Some((from, format!("{}{what}{rest}", &path[..from])))
        }
        None => odd(),
    }
}

/// The folder that a path begins with; `None` where that is a whole bucket.
fn steady(path: &str) -> Option<String> {
    let folder = &path[..=path.rfind('/')?];
    let (bucket, key) = folder.strip_prefix("s3://")?.split_once('/')?;
    (!bucket.is_empty() && !key.trim_matches('/').is_empty()).then(|| folder.to_owned())
}

/// Whether an address can be one of `compare`, and is of more than the pipeline's own work.
pub(super) fn is_output(address: &str) -> bool {
    let key = address.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
    let has_key = key.is_some_and(|(bucket, key)| !bucket.is_empty() && !key.trim_matches('/').is_empty());
    let is_plain = !address.contains(|c: char| "*?[]{}$\\".contains(c) || c.is_control() || c.is_whitespace());
    let mut parts = address.split(['/', '-', '_', '.']);
    has_key
        && is_plain
        && !address.contains(detect::HIDDEN)
        && !address.contains("..")
        && !parts.any(|part| NO_OUTPUT.contains(&part))
}

/// The last part of a path that says no date, as a name that no output before has.
fn name_of(path: &str, before: &[OldOutput]) -> String {
    let said = path.trim_start_matches("s3://").split('/').skip(1).filter(|part| !part.contains('{'));
    let name = said.filter_map(slug).last().unwrap_or_else(|| "output".into());
    let is_taken = |name: &str| before.iter().any(|output| output.name == name);
    let numbered = (2..).map(|n| format!("{name}-{n}"));
    std::iter::once(name.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(name)
}

/// A path with placeholders for the months or days in it, and which of them. Of several forms the first one counts.
fn placed(path: &str) -> (String, Option<&'static str>) {
    let mut placed = String::new();
    let mut unit = None;
    let mut at = 0;
    while let Some(c) = path[at..].chars().next() {
        let is_start = !path[..at].ends_with(|c: char| c.is_ascii_digit());
        match date_at(&path[at..]).filter(|(_, found, _)| is_start && unit.is_none_or(|unit| unit == *found)) {
            Some((length, found, placeholder)) => {
                placed.push_str(&placeholder);
                (unit, at) = (Some(found), at + length);
            }
            None => {
                placed.push(c);
                at += c.len_utf8();
            }
        }
    }
    (placed, unit)
}

/// A date at the beginning of a text: how long it is, which period it is of, and what stands for it. No placeholder says
/// a quarter.
fn date_at(text: &str) -> Option<(usize, &'static str, String)> {
    let spot = forms::date_at(text)?;
    let (unit, placeholder) = match (spot.unit, spot.form.as_str()) {
        (DateUnit::Day, "%Y-%m-%d") => ("day", "{period}".to_owned()),
        (DateUnit::Month, "%Y-%m") => ("month", "{period}".to_owned()),
        (DateUnit::Month, form) => ("month", form.replace("%Y", "{year}").replace("%m", "{month}")),
        (DateUnit::Day, form) => ("day", form.replace("%Y", "{year}").replace("%m", "{month}").replace("%d", "{day}")),
        (DateUnit::Quarter, _) => return None,
    };
    Some((spot.end, unit, placeholder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_placeholders() {
        for (path, wanted, unit) in [
            ("s3://x/2026-10/", "s3://x/{period}/", Some("month")),
            ("s3://x/month=2026-10/a", "s3://x/month={period}/a", Some("month")),
            ("s3://x/dt=2026-10-05", "s3://x/dt={period}", Some("day")),
            ("s3://x/202610", "s3://x/{year}{month}", Some("month")),
            ("s3://x/2026/10/", "s3://x/{year}/{month}/", Some("month")),
            ("s3://x/year=2026/month=10", "s3://x/year={year}/month={month}", Some("month")),
            ("s3://x/ä/2026-10/2026-10.parquet", "s3://x/ä/{period}/{period}.parquet", Some("month")),
            ("s3://x/20261005/", "s3://x/{year}{month}{day}/", Some("day")),
            ("s3://x/2026/10/05/", "s3://x/{year}/{month}/{day}/", Some("day")),
            ("s3://x/year=2026/month=10/day=05/", "s3://x/year={year}/month={month}/day={day}/", Some("day")),
            // No placeholder says a quarter, and these are no dates.
            ("s3://x/2026Q3/", "s3://x/2026Q3/", None),
            ("s3://x/12026-10/v2026-13/2026", "s3://x/12026-10/v2026-13/2026", None),
            ("s3://x/2026-10-05/2026-11", "s3://x/{period}/2026-11", Some("day")),
        ] {
            assert_eq!(placed(path), (wanted.to_owned(), unit), "{path}");
        }
    }

    fn proposed(args: &[&[&str]]) -> Option<(Value, Vec<String>)> {
        let step = |args: &&[&str]| json!({ "Config": { "Jar": "command-runner.jar", "Args": args } });
        // The newest first, as the API has them.
        let input = json!({ "Steps": args.iter().rev().map(step).collect::<Vec<_>>() });
        compare(&input, &ShadowPlaces::default(), &["1042"])
            .map(|(compare, questions)| (compare, questions.into_iter().map(|q| q.place).collect()))
    }

    #[test]
    fn each_output_that_the_arguments_name_is_proposed_once() {
        let (compare, asked) = proposed(&[
            &[
                "spark-submit",
                "s3://a/clean.py",
                "--input",
                "s3://lake/raw/2026-10/",
                "--output",
                "s3://lake/clean/2026-10/",
            ],
            &[
                "spark-submit",
                "s3://a/agg.py",
                "--out=s3a://lake/agg/month=2026-10",
                "--checkpoint-dir",
                "s3://lake/checkpoint/x",
            ],
            &[
                "spark-submit",
                "s3://a/agg.py",
                "--dest",
                "s3://lake/clean/2026-10",
                "--target",
                "s3://other/agg/latest",
            ],
            &[
                "spark-submit",
                "s3://a/agg.py",
                "--output",
                "s3://lake/(secret)/x",
                "--output",
                "s3://lake",
                "--output",
                "s3://lake/x*",
            ],
        ])
        .unwrap_or_default();
        let output = |name: &str, old: &str, new: &str| json!({ "name": name, "old": { "path": old, "format": "parquet" }, "new": { "path": new, "format": "parquet" }, "keys": [] });
        assert_eq!(
            compare,
            json!({ "period": "month", "outputs": [
                output("clean", "s3://lake/clean/{period}/", "s3://lake/databricks/clean/{period}/"),
                output("agg", "s3://lake/agg/month={period}", "s3://lake/databricks/agg/month={period}"),
                output("latest", "s3://other/agg/latest", "s3://other/databricks/agg/latest"),
            ] })
        );
        let of =
            |name: &str, members: &[&str]| members.iter().map(|m| format!("outputs[{name}]{m}")).collect::<Vec<_>>();
        let usual = [".new"];
        let first = vec!["outputs".to_owned()];
        let all = [first, of("clean", &usual), of("agg", &usual), of("latest", &usual)];
        assert_eq!(asked, all.concat());
        assert!(
            proposed(&[&["spark-submit", "s3://a/x.py", "--input", "s3://lake/raw/", "s3://lake/somewhere/"]])
                .is_none()
        );
    }

    #[test]
    fn what_no_placeholder_says_is_cut_off_and_asked_about() {
        let of = |output: &str| {
            let (compare, asked) =
                proposed(&[&["spark-submit", "s3://a/x.py", "--output", output]]).unwrap_or_default();
            let asked = asked.iter().any(|place| place.ends_with(".old.path"));
            (compare["outputs"][0]["old"]["path"].as_str().unwrap_or_default().to_owned(), asked)
        };
        for (output, path) in [
            ("s3://lake/closing/quarter=2026Q3/", "s3://lake/closing/"),
            ("s3://lake/features/run=1042/part/", "s3://lake/features/"),
            ("s3://lake/x/2026-10-05/run-1042", "s3://lake/x/{period}/"),
            ("s3://lake/x/2026-10/2026-10-05", "s3://lake/x/{period}/"),
        ] {
            assert_eq!(of(output), (path.to_owned(), true), "{output}");
        }
        assert_eq!(of("s3://lake/x/v21042/"), ("s3://lake/x/v21042/".to_owned(), false));
        // Of a whole bucket nothing is compared.
        assert_eq!(of("s3://lake/2026Q3/"), (String::new(), false));
        assert_eq!(
            changing("s3://l/2026Q3/run=1042/", &["1042"]).map(|(_, whole)| whole).as_deref(),
            Some("s3://l/{date}/run={serial}/")
        );
    }

    #[test]
    fn runs_of_an_application_name_outputs_too() {
        let run = json!({ "jobDriver": { "sparkSubmit": { "entryPointArguments": ["--output", "s3://lake/x/2026-10-05/"] } } });
        let (compare, _) = compare(&json!({ "jobRuns": [run] }), &ShadowPlaces::default(), &[]).unwrap_or_default();
        assert_eq!(
            (&compare["period"], &compare["outputs"][0]["old"]["path"]),
            (&json!("day"), &json!("s3://lake/x/{period}/"))
        );
    }
}
