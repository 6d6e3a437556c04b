//! `plumb parity run --explain`: every statement, and what would be read.

use super::engines::{Engines, failed};
use super::jobs::Job;
use super::run::Comparisons;
use crate::engines::compare::{CompareContext, explain};
use crate::engines::files::SideError;
use crate::engines::pin::Pins;
use crate::ui::Failure;
use jiff::tz::TimeZone;
use plumb_core::kinds::emr::compare::{CompareOutput, CompareSide, FileFormat};
use plumb_core::parity::engine::OutputEngine;
use plumb_core::parity::explain as told;
use plumb_core::parity::plan::{FilePart, FileRelation, Relation};
use plumb_core::parity::result::SideResult;
use plumb_core::parity::schema;
use plumb_core::parity::sql::{self, Dialect, Statement, tables};
use plumb_core::parity::verdict::source;
use std::fmt::Write;

/// What a run of these jobs would send. Of local files the columns are read, and nothing else; nothing is sent to a server.
pub async fn explained(run: &Comparisons<'_>, jobs: &[Job], engines: &mut Engines<'_>) -> Result<String, Failure> {
    let mut text = String::new();
    for job in jobs {
        for output in &job.outputs {
            let part = match run.engine_of(job, output)? {
                OutputEngine::Duckdb if is_here(&output.old) && is_here(&output.new) => {
                    local(run, job, output, engines).await?
                }
                OutputEngine::Duckdb => shaped(job, output, &sql::Duckdb, "-- engine duckdb\n")?,
                OutputEngine::Warehouse(name) => {
                    let engine = format!("-- engine databricks, SQL warehouse {name}\n");
                    shaped(job, output, &sql::Databricks, &engine)?
                }
            };
            let _ = write!(text, "-- {}\n{part}", job.at(output));
        }
    }
    Ok(text)
}

/// Whether a side lies on this machine.
fn is_here(side: &CompareSide) -> bool {
    side.path.as_deref().is_some_and(|path| !path.starts_with("s3"))
}

/// An output of local files: DuckDB is asked which columns there are.
async fn local(
    run: &Comparisons<'_>,
    job: &Job,
    output: &CompareOutput,
    engines: &mut Engines<'_>,
) -> Result<String, Failure> {
    let mut text = "-- engine duckdb\n".to_owned();
    let mut pins = Pins::new(&run.project.dir, 0);
    let mut sides = Vec::new();
    for (name, side) in [("old", &output.old), ("new", &output.new)] {
        match pins.pin(side).await {
            Ok(pinned) => {
                let SideResult { source, files, bytes, .. } = &pinned.source.result;
                let (files, bytes) = (files.unwrap_or_default(), bytes.unwrap_or_default());
                let _ = writeln!(text, "-- {name}: {source}: {files} files, {bytes} bytes");
                sides.push(pinned.source);
            }
            Err(SideError::NoVerdict(fault)) => {
                let _ = writeln!(text, "-- {name}: {}: there would be no verdict\n", fault.says);
                return Ok(text);
            }
            Err(SideError::Failed(why)) => return Err(Failure::error(format!("{}, {name}: {why}", job.at(output)))),
        }
    }
    let [old, new] = <[_; 2]>::try_from(sides).map_err(|_| Failure::error("an output has two sides"))?;
    let context = CompareContext {
        output,
        zone: &job.zone,
        today: run.now.to_zoned(TimeZone::UTC).date(),
        previous: None,
        progress: &|_, _| {},
    };
    // One of its own: it may read what this output has.
    engines.forget(OutputEngine::Duckdb);
    let engine = engines.get(OutputEngine::Duckdb, || (pins.inputs(), pins.has_delta()), &job.at(output)).await?;
    let statements = explain(engine, &context, old, new).await.map_err(|fault| failed(&job.at(output), fault))?;
    text.push_str(LIMIT);
    text.push_str(MORE);
    text.push_str(&told::text(&statements));
    Ok(text)
}

/// Of statements whose rows are not counted yet.
const LIMIT: &str = "-- in place of LIMIT 0 a run has the sum of both counts, and one more\n";
const MORE: &str = "-- where something differs, more statements ask why\n\n";

/// An output whose columns are not known before a server is asked.
fn shaped(job: &Job, output: &CompareOutput, dialect: &dyn Dialect, engine: &str) -> Result<String, Failure> {
    let wrong = |why: String| Failure::error(format!("{}: {why}", job.at(output)));
    let mut text = engine.to_owned();
    let mut statements: Vec<Statement> = Vec::new();
    let mut sides = Vec::new();
    for (name, side, is_old) in [("old", &output.old, true), ("new", &output.new, false)] {
        let relation = relation(side).map_err(wrong)?;
        let what = match (&relation, dialect.limit_is_free()) {
            (Relation::Table { .. }, _) => "at the version that `pin` answers",
            (Relation::Files(_), true) => "listed and downloaded first",
            (Relation::Files(_), false) => "read by the warehouse",
        };
        let _ = writeln!(text, "-- {name}: {}: {what}", source(side));
        statements.extend(told::pin(&relation));
        sides.push(told::named_columns(output, relation, is_old));
    }
    let [old, new] = <[_; 2]>::try_from(sides).map_err(|_| Failure::error("an output has two sides"))?;
    statements.extend([&old, &new].map(|side| told::describe(dialect, &side.relation)));
    text.push_str("-- columns: what the manifest names, in types that its rules are about\n");
    text.push_str("-- and every other column that both sides have\n");
    if dialect.limit_is_free() {
        text.push_str(LIMIT);
    }
    text.push_str(MORE);
    let planned = schema::plan(output, &job.zone, old, new)
        .map_err(|sentences| sentences.into_iter().fold(wrong("the manifest is wrong".into()), Failure::hint))?;
    statements.extend(told::statements(dialect, output, &planned));
    text.push_str(&told::text(&statements));
    Ok(text)
}

/// Where a side lies, as a relation.
fn relation(side: &CompareSide) -> Result<Relation, String> {
    if let Some(table) = &side.table {
        return Ok(Relation::Table { name: tables::table_name(table)?, version: None });
    }
    Ok(Relation::Files(FileRelation {
        format: side.format.unwrap_or(FileFormat::Parquet),
        files: vec![FilePart { path: source(side), ..FilePart::default() }],
        csv: side.csv.clone().unwrap_or_default(),
        columns: Vec::new(),
        partition_types: Vec::new(),
    }))
}
