//! Old and new compared, two months in a row: what the gate `parity` waits for.

use super::super::lake::{self, COLUMNS, KEYS, LakeWriter, ROWS, TIMES};
use super::super::project;
use super::super::stage::{Stage, must};
use super::TARGET;
use super::emr::{MANIFEST, PIPELINE, today, waiting};
use crate::engines::find;
use crate::ui::Failure;
use jiff::civil::Date;
use jiff::{SignedDuration, ToSpan};
use serde_json::Value;

const MIGRATION: &str = "manifests/bau-insights/migration.yaml";
/// Where both pipelines write, in the project's folder and in no commit.
const LAKE: &str = "lake";

pub(super) async fn compare(stage: &Stage<'_>) -> Result<(), Failure> {
    match stage.find_duckdb().await? {
        Ok(()) => compared(stage).await,
        Err(why) => skipped(stage, &why).await,
    }
}

async fn compared(stage: &Stage<'_>) -> Result<(), Failure> {
    let last = today().first_of_month() - 1.month();
    let [before, last] = [last - 1.month(), last];
    stage.write(MIGRATION, &with_compare(&stage.read(MIGRATION)?)?)?;
    stage.write(".gitignore", &format!("/{LAKE}/\n"))?;
    let commit = stage.commit("Ben Okafor", "Review how the insights are compared")?;
    let exact = LakeWriter::New { off: SignedDuration::ZERO };
    for (month, new) in [(before, exact), (last, LakeWriter::New { off: SignedDuration::from_hours(1) })] {
        write(stage, "old", month, LakeWriter::Old)?;
        write(stage, "new", month, new)?;
    }
    run(stage, before, 0).await?;
    let report = report(stage, before)?;
    let output = &report["outputs"][0];
    let rows = |side: &str| output[side]["rows"] == ROWS;
    must(report["passed"] == true && output["verdict"] == "equal" && rows("old") && rows("new"), || {
        format!("the report is {report}")
    })?;
    stage.proven(&format!(
        "equal: {ROWS} rows, in one file of old and in three of new, in another order; null, '' and quotes among them"
    ))?;
    run(stage, last, 2).await?;
    differs(&self::report(stage, last)?)?;
    stage.proven(&format!(
        "exit code 2: {TIMES} times are an hour late, each by the same, and nothing else differs; the cause is named"
    ))?;
    stage.page.words(
        "The session of the new job was not in UTC. The job is corrected, and writes that month again; the rules stay.",
    )?;
    write(stage, "new", last, exact)?;
    run(stage, last, 0).await?;
    for month in [before, last] {
        let report = self::report(stage, month)?;
        let is_clean = report["passed"] == true && report["dirty"] == false && report["clock"].is_null();
        let of = report["commit"].as_str().unwrap_or_default();
        must(is_clean && of.starts_with(&commit), || format!("the evidence is {report}"))?;
    }
    stage.proven("both months are equal, and their evidence names the commit that has the rules")?;
    stage.commit("Ben Okafor", "Old and new wrote the same, two months in a row")?;
    opened(stage).await?;
    stage.proven("the gate counts 2 of 2 months: no gate is in the way any more")
}

/// Goes on where nothing can be compared, and says so.
async fn skipped(stage: &Stage<'_>, why: &str) -> Result<(), Failure> {
    stage.page.words(&format!("The comparison is skipped, because there is no duckdb here. {}: {why}.", find::HINT))?;
    stage.page.words(
        "Nothing was compared, so nobody can say that both are equal, and the gate would wait for ever. Ben takes it out \
         of the manifest, in a commit that says so: a decision of people, for everybody to read.",
    )?;
    let text = stage.read(MANIFEST)?;
    stage.write(MANIFEST, &project::edited(&text, "      parity:\n        passes: 2\n", "")?)?;
    stage.commit("Ben Okafor", "Terminate the old insights clusters without a comparison")?;
    opened(stage).await?;
    stage
        .proven("no gate is in the way any more: `parity` was taken out by a reviewed commit, and nothing was compared")
}

/// Checks that no gate waits, and shows the plan.
async fn opened(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.plumb(&["plan", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let waits = waiting(stage).await?;
    must(waits.is_empty(), || format!("{waits:?} wait"))
}

/// Compares a month.
async fn run(stage: &Stage<'_>, month: Date, exit: i32) -> Result<(), Failure> {
    let period = month.strftime("%Y-%m").to_string();
    stage.plumb(&["parity", "run", PIPELINE, "--period", &period, TARGET[0], TARGET[1]]).await?.exits(exit)
}

/// The evidence of a month.
fn report(stage: &Stage<'_>, month: Date) -> Result<Value, Failure> {
    let path = format!("evidence/{PIPELINE}-{}.json", month.strftime("%Y-%m"));
    serde_json::from_str(&stage.read(&path)?).map_err(|e| Failure::error(format!("{path}: {e}")))
}

/// Checks that the times differ by an hour, and nothing else differs.
fn differs(report: &Value) -> Result<(), Failure> {
    let output = &report["outputs"][0];
    let is_so = report["passed"] == false
        && output["verdict"] == "differs"
        && output["only_old"] == 0
        && output["only_new"] == 0
        && output["differing_cells"] == serde_json::json!({ "ts": TIMES })
        && output["causes"] == serde_json::json!({ "ts": "constant_shift" })
        && output["columns"][0]["explanations"][0]["says"] == "each is +1 h";
    must(is_so, || format!("the report is {report}"))
}

/// Has both sides write the same month into a folder.
pub(super) fn write_month(stage: &Stage<'_>, lake: &str, month: Date) -> Result<(), Failure> {
    write_in(stage, lake, "old", month, LakeWriter::Old)?;
    write_in(stage, lake, "new", month, LakeWriter::New { off: SignedDuration::ZERO })
}

/// Has a pipeline write a month.
fn write(stage: &Stage<'_>, side: &str, month: Date, writer: LakeWriter) -> Result<(), Failure> {
    write_in(stage, LAKE, side, month, writer)
}

fn write_in(stage: &Stage<'_>, lake: &str, side: &str, month: Date, writer: LakeWriter) -> Result<(), Failure> {
    let folder = stage.repository().join(format!("{lake}/{side}/month={}", month.strftime("%Y-%m")));
    // Spark overwrites: the files of the last time go.
    if folder.is_dir() {
        std::fs::remove_dir_all(&folder).map_err(|e| Failure::error(format!("{}: {e}", folder.display())))?;
    }
    lake::month(month, writer)
        .iter()
        .try_for_each(|file| stage.write(&format!("{lake}/{side}/{}", file.path), &file.text))
}

/// A generated manifest with the comparison that people wrote in place of the proposed one.
fn with_compare(text: &str) -> Result<String, Failure> {
    reviewed_as(text, MIGRATION, "insights", LAKE)
}

/// The same of any manifest: with what its output is called, and the folder that both sides write into.
pub(super) fn reviewed_as(text: &str, path: &str, name: &str, lake: &str) -> Result<String, Failure> {
    let start = text.find("  compare:\n");
    let end = start.and_then(|start| Some(start + text[start..].find("\n  from:")? + 1));
    match start.zip(end) {
        Some((start, end)) => Ok(format!("{}{}{}", &text[..start], reviewed(name, lake), &text[end..])),
        None => Err(Failure::error(format!("{path} has no `compare` before `from`"))),
    }
}

fn reviewed(name: &str, lake: &str) -> String {
    let columns: Vec<String> = COLUMNS.iter().map(|(name, of_type)| format!("{name}: \"{of_type}\"")).collect();
    let side = |side: &str| {
        format!(
            "        {side}:
          path: \"{lake}/{side}/month={{period}}\"
          format: csv
          done: _SUCCESS
          csv: {{header: true}}
          columns: {{{}}}
",
            columns.join(", ")
        )
    };
    format!(
        "  compare:
    period: month
    outputs:
      - name: {name}
{}{}        keys: [{}]
        rows: {{min: {}}}
        rules:
          - {{column: score, rel: 1e-9, reason: the order in which Spark adds doubles up}}
        sensitive: [name]
",
        side("old"),
        side("new"),
        KEYS.join(", "),
        ROWS / 2
    )
}
