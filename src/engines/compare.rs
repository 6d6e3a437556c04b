//! One output, compared: the steps in their order, each a statement that the core wrote and an answer that it reads.

use super::{Engine, EngineError, EngineFault};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plumb_core::kinds::emr::compare::{CompareOutput, FileFormat};
use plumb_core::parity::causes::Explain;
use plumb_core::parity::explain;
use plumb_core::parity::files::SideFault;
use plumb_core::parity::footers;
use plumb_core::parity::json_numbers;
use plumb_core::parity::plan::{FileRelation, Relation, SidePlan};
use plumb_core::parity::result::{OutputResult, SideResult, Verdict};
use plumb_core::parity::schema::{self, DescribedSide, PlannedOutput};
use plumb_core::parity::sql::{self, Dialect, JoinCounts, JoinPath, Joined, Statement, cloud, tables};
use plumb_core::parity::types::DataType;
use plumb_core::parity::verdict;

/// One side, pinned: what is read, and what reports say of it.
#[derive(Clone, Debug)]
pub struct SideSource {
    pub relation: Relation,
    pub result: SideResult,
}

/// What a comparison depends on beside the two sides.
pub struct CompareContext<'a> {
    pub output: &'a CompareOutput,
    pub zone: &'a TimeZone,
    /// The day (UTC) by which expectations are over.
    pub today: Date,
    /// The rows of `new` in the last period that passed.
    pub previous: Option<u64>,
    /// Hears which step begins, and how many rows it is about.
    pub progress: &'a (dyn Fn(&str, Option<u64>) + Sync),
}

/// Why an output could not be compared at all: nothing is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareFault {
    /// The manifest does not fit the data: sentences.
    Manifest(Vec<String>),
    /// The engine failed, or was refused.
    Engine(EngineError),
    /// The engine answered what cannot be: a bug, of the engine or of plumb.
    Answer(String),
}

impl From<EngineError> for CompareFault {
    fn from(error: EngineError) -> Self {
        CompareFault::Engine(error)
    }
}

/// How a step ended that did not go on: with a result that says why there is no verdict, or not at all.
enum Stop {
    Result(Box<OutputResult>),
    Fault(CompareFault),
}

impl From<CompareFault> for Stop {
    fn from(fault: CompareFault) -> Self {
        Stop::Fault(fault)
    }
}

impl From<EngineError> for Stop {
    fn from(error: EngineError) -> Self {
        Stop::Fault(error.into())
    }
}

/// Compares an output.
///
/// # Errors
/// Why it could not be compared: there is no result then, and no evidence.
pub async fn compare(
    engine: &mut Engine,
    context: &CompareContext<'_>,
    old: SideSource,
    new: SideSource,
) -> Result<OutputResult, CompareFault> {
    let mut comparison =
        Comparison { engine, context, old: old.result.clone(), new: new.result.clone(), notes: Vec::new() };
    match comparison.run(old.relation, new.relation).await {
        Ok(result) => Ok(result),
        Err(Stop::Result(result)) => Ok(*result),
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

/// The statements of a comparison whose sides an engine can be asked about at once: their columns are read, and no row.
///
/// # Errors
/// As [`compare`], also where there is no verdict.
pub async fn explain(
    engine: &mut Engine,
    context: &CompareContext<'_>,
    old: SideSource,
    new: SideSource,
) -> Result<Vec<Statement>, CompareFault> {
    let dialect = engine.dialect();
    let mut all = [&old, &new].map(|side| explain::describe(dialect, &side.relation)).to_vec();
    let sides = described(engine, context, old, new).await?;
    let (old, new) = sides.map_err(|why| CompareFault::Manifest(vec![why]))?;
    let planned = schema::plan(context.output, context.zone, old, new).map_err(CompareFault::Manifest)?;
    all.extend(explain::statements(dialect, context.output, &planned));
    Ok(all)
}

/// The columns of both sides. The inner error says why one cannot be read.
///
/// # Errors
/// As [`compare`].
pub(super) async fn described(
    engine: &mut Engine,
    context: &CompareContext<'_>,
    old: SideSource,
    new: SideSource,
) -> Result<Result<(DescribedSide, DescribedSide), String>, CompareFault> {
    let dialect = engine.dialect();
    let mut comparison = Comparison { engine, context, old: old.result, new: new.result, notes: Vec::new() };
    let sides = async {
        let old = comparison.described(dialect, "old", old.relation).await?;
        Ok((old, comparison.described(dialect, "new", new.relation).await?))
    };
    match sides.await {
        Ok(sides) => Ok(Ok(sides)),
        Err(Stop::Fault(fault)) => Err(fault),
        Err(Stop::Result(result)) => Ok(Err(result.because.unwrap_or_default())),
    }
}

struct Comparison<'a, 'c> {
    engine: &'a mut Engine,
    context: &'a CompareContext<'c>,
    old: SideResult,
    new: SideResult,
    notes: Vec<String>,
}

impl Comparison<'_, '_> {
    async fn run(&mut self, old: Relation, new: Relation) -> Result<OutputResult, Stop> {
        let dialect = self.engine.dialect();
        let old = self.described(dialect, "old", old).await?;
        let new = self.described(dialect, "new", new).await?;
        let planned = schema::plan(self.context.output, self.context.zone, old, new)
            .map_err(|wrong| Stop::Fault(CompareFault::Manifest(wrong)))?;
        let plan = &planned.plan;
        let old_rows = self.counted(dialect, "old", &plan.old).await?;
        let new_rows = self.counted(dialect, "new", &plan.new).await?;
        (self.old.rows, self.new.rows) = (Some(old_rows), Some(new_rows));
        let mut result = self.blank();
        result.keys = self.context.output.keys.clone().unwrap_or_default();
        result.ignored = planned.ignored.clone();
        result.notes.append(&mut self.notes);
        verdict::schemas(&mut result, &planned.notes);
        let rows = self.context.output.rows.as_ref();
        if let Some((cause, because)) = verdict::rows_first(rows, old_rows, new_rows, self.context.previous) {
            result.because = Some(because);
            result.causes.insert("rows".into(), cause.into());
            if old_rows == 0 || new_rows == 0 {
                (result.only_old, result.only_new) = (Some(old_rows), Some(new_rows));
                (result.matched, result.differing_rows) = (Some(0), Some(0));
            }
            return Ok(result);
        }
        if !planned.has_keys {
            result.verdict = Verdict::Differs;
            result.notes.push(
                "a key is missing on one side or of another type there, or no column is in both: no row was compared"
                    .into(),
            );
            return Ok(result);
        }
        let (joined, counts) = self.joined(dialect, &planned, old_rows, new_rows).await?;
        verdict::count(&mut result, plan, &counts, self.context.today);
        self.explained(dialect, &joined, &counts, &mut result).await?;
        Ok(result)
    }

    fn blank(&self) -> OutputResult {
        OutputResult::blank(&self.context.output.name, self.old.clone(), self.new.clone())
    }

    /// Asks one statement. What cannot be read is no verdict, of that side where it is known.
    async fn ask(&mut self, statement: &Statement, side: Option<&str>) -> Result<Vec<sql::SqlRow>, Stop> {
        match self.engine.rows(statement).await {
            Ok(rows) => Ok(rows),
            Err(EngineError { fault: EngineFault::Unreadable(why), .. }) => {
                let side = side.map_or_else(|| "old or new cannot be read".to_owned(), str::to_owned);
                Err(self.none(&side, &SideFault { cause: "unreadable", says: why }))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn described(
        &mut self,
        dialect: &dyn Dialect,
        side: &str,
        relation: Relation,
    ) -> Result<DescribedSide, Stop> {
        (self.context.progress)("schema", None);
        let statement = sql::describe(dialect, &SidePlan { relation: relation.clone(), filter: Vec::new() });
        let rows = self.ask(&statement, Some(side)).await?;
        let mut columns = sql::read_description(dialect, &rows).map_err(CompareFault::Answer)?;
        let plan = SidePlan { relation, filter: Vec::new() };
        if let Some(statement) = tables::whole_types(dialect, &plan, &columns) {
            let rows = self.ask(&statement, Some(side)).await?;
            tables::read_whole_types(dialect, &mut columns, &rows).map_err(CompareFault::Answer)?;
        }
        let (mut relation, mut required) = (plan.relation, None);
        if let Relation::Files(files) = &mut relation {
            if files.format == FileFormat::Parquet && matches!(self.engine, Engine::Duckdb(_)) {
                required = Some(self.footers(side, files, &mut columns).await?);
            }
            if files.format == FileFormat::Json && matches!(self.engine, Engine::Duckdb(_)) {
                self.numbers(dialect, side, files).await?;
            }
            if files.columns.is_empty() {
                files.columns.clone_from(&columns);
            }
        }
        Ok(DescribedSide { relation, columns, required })
    }

    /// Whether DuckDB may have lost digits of JSON's numbers.
    async fn numbers(&mut self, dialect: &dyn Dialect, side: &str, relation: &FileRelation) -> Result<(), Stop> {
        let source = self.source(side);
        let asked = json_numbers::doubtful_decimals(&source, relation, dialect);
        if let Some(statement) = asked.map_err(|fault| self.none(side, &fault))? {
            let rows = self.ask(&statement, Some(side)).await?;
            json_numbers::read_doubtful_decimals(&source, &rows).map_err(|fault| self.none(side, &fault))?;
        }
        Ok(())
    }

    /// What the footers say that DuckDB does not: calendars, instants, files of different schemas. Returns the columns that
    /// cannot be null.
    async fn footers(
        &mut self,
        side: &str,
        relation: &mut FileRelation,
        columns: &mut [(String, DataType)],
    ) -> Result<Vec<String>, Stop> {
        let source = self.source(side);
        let rows = self.ask(&footers::schemas(&relation.files), Some(side)).await?;
        let schema = footers::read_schemas(&source, &rows).map_err(|fault| self.none(side, &fault))?;
        for (name, of_type) in columns.iter_mut() {
            if let Some(column) = schema.columns.iter().find(|column| column.name == *name) {
                of_type.clone_from(&column.of_type);
            }
        }
        let rows = self.ask(&footers::calendars(&relation.files), Some(side)).await?;
        let calendars = footers::read_calendars(&rows).map_err(CompareFault::Answer)?;
        if let Some(statement) = footers::doubtful_times(&relation.files, &schema, &calendars) {
            let rows = self.ask(&statement, Some(side)).await?;
            footers::read_doubtful_times(&source, &rows).map_err(|fault| self.none(side, &fault))?;
        }
        for file in &mut relation.files {
            file.julian = calendars.julian.contains(&file.path);
        }
        for (column, file) in schema.uneven {
            self.notes.push(format!("{side}: `{column}` is missing in some files, and null there: {file}"));
        }
        Ok(schema.columns.into_iter().filter(|column| column.is_required).map(|column| column.name).collect())
    }

    /// A side as reports name it.
    fn source(&self, side: &str) -> String {
        if side == "old" { self.old.source.clone() } else { self.new.source.clone() }
    }

    /// That there is no verdict, for a reason of one side.
    fn none(&self, side: &str, fault: &SideFault) -> Stop {
        let because = format!("{side}: {}", fault.says);
        let (old, new) = (self.old.clone(), self.new.clone());
        let name = &self.context.output.name;
        Stop::Result(Box::new(OutputResult::without_verdict(name, old, new, fault.cause, because)))
    }

    async fn counted(&mut self, dialect: &dyn Dialect, side: &str, plan: &SidePlan) -> Result<u64, Stop> {
        (self.context.progress)("count", None);
        if let Some(statement) = cloud::rescued(dialect, plan) {
            let rows = self.ask(&statement, Some(side)).await?;
            let rescued = sql::read_count(&rows).map_err(CompareFault::Answer)?;
            if rescued > 0 {
                let says = format!("{rescued} rows hold what is not of its column's type");
                return Err(self.none(side, &SideFault { cause: "unreadable", says }));
            }
        }
        let rows = self.ask(&sql::count(dialect, plan), Some(side)).await?;
        Ok(sql::read_count(&rows).map_err(CompareFault::Answer)?)
    }

    /// The join and its counts: by unique keys first, and again where a key turns out to occur twice.
    async fn joined<'p>(
        &mut self,
        dialect: &dyn Dialect,
        planned: &'p PlannedOutput,
        old: u64,
        new: u64,
    ) -> Result<(Joined<'p>, JoinCounts), Stop> {
        let plan = &planned.plan;
        let mut path = JoinPath::Unique { limit: old.saturating_add(new).saturating_add(1) };
        if self.context.output.keys.as_ref().is_none_or(Vec::is_empty) {
            path = JoinPath::Bag;
        } else if let Some(statement) = sql::may_explode(plan, dialect, old.max(new)) {
            let rows = self.ask(&statement, None).await?;
            if sql::read_explosion(&rows, old, new).map_err(CompareFault::Answer)? {
                path = JoinPath::Duplicates;
            }
        }
        for path in [path, JoinPath::Duplicates] {
            (self.context.progress)("join", Some(old.saturating_add(new)));
            let joined = Joined::new(plan, path);
            let rows = self.ask(&joined.counts(dialect), None).await?;
            let counts = JoinCounts::read(&joined, dialect, &rows).map_err(CompareFault::Answer)?;
            if counts.account_for(old, new) {
                return Ok((joined, counts));
            }
            // By unique keys is the only way that is not the last.
            if !matches!(path, JoinPath::Unique { .. }) {
                break;
            }
        }
        let why = format!("the join does not account for the {old} rows of old and the {new} rows of new");
        Err(CompareFault::Answer(why).into())
    }

    /// Says why and where it differs. Nothing of it changes the verdict: what the engine cannot do here, a note tells.
    async fn explained(
        &mut self,
        dialect: &dyn Dialect,
        joined: &Joined<'_>,
        counts: &JoinCounts,
        result: &mut OutputResult,
    ) -> Result<(), Stop> {
        let mut explain = Explain::new(joined, dialect, counts);
        while let Some(statement) = explain.ask() {
            (self.context.progress)(statement.step, None);
            match self.engine.rows(&statement).await {
                Ok(rows) => {
                    if let Err(why) = explain.answer(&rows) {
                        result.notes.push(why);
                    }
                }
                Err(error @ EngineError { fault: EngineFault::Gone(_), .. }) => return Err(error.into()),
                Err(error) => explain.failed(&error.fault.to_string()),
            }
        }
        explain.finish(result);
        Ok(())
    }
}
