//! What one period suggests for an output: its steps, each a statement that the core wrote and an answer that it reads.

use super::compare::{CompareContext, CompareFault, SideSource, compare, described};
use super::{Engine, EngineError, EngineFault};
use plumb_core::kinds::emr::compare::CompareOutput;
use plumb_core::parity::plan::OutputPlan;
use plumb_core::parity::result::{OutputResult, Verdict};
use plumb_core::parity::schema::{self, DescribedSide};
use plumb_core::parity::sql::{self, JoinPath, Joined, SqlRow, Statement};
use plumb_core::parity::suggest::{self, FoundKeys, KeySearch, OutputSuggestion, Renames};

/// Why nothing is suggested.
pub enum SuggestFault {
    /// There is nothing to read, or it cannot be read.
    NoVerdict(String),
    Fault(CompareFault),
}

impl From<CompareFault> for SuggestFault {
    fn from(fault: CompareFault) -> Self {
        SuggestFault::Fault(fault)
    }
}

impl From<EngineError> for SuggestFault {
    fn from(error: EngineError) -> Self {
        match error.fault {
            EngineFault::Unreadable(why) => SuggestFault::NoVerdict(why),
            fault => SuggestFault::Fault(CompareFault::Engine(fault.at(&error.step))),
        }
    }
}

fn answer(why: String) -> SuggestFault {
    SuggestFault::Fault(CompareFault::Answer(why))
}

/// Looks at both sides. What the output says already holds, but for keys that are none.
///
/// # Errors
/// Why nothing is suggested.
pub async fn suggest(
    engine: &mut Engine,
    context: &CompareContext<'_>,
    old: SideSource,
    new: SideSource,
) -> Result<OutputSuggestion, SuggestFault> {
    let sides = described(engine, context, old.clone(), new.clone()).await?;
    let sides = sides.map_err(SuggestFault::NoVerdict)?;
    let mut output = suggest::plain(context.output);
    let mut suggestion =
        OutputSuggestion { notes: suggest::partition_types(&output, &sides.0, &sides.1), ..Default::default() };
    let lonely = suggest::only_pair(&output, &sides.0, &sides.1);
    if let Some((old, new)) = lonely {
        let why = "each side has one column alone, and both are of one type".to_owned();
        suggestion.map.push((old, new, why));
    }
    let mut mapped = suggestion.added_to(&output);
    let plan = planned(&mapped, context, &sides)?;
    let rows = [counted(engine, context, &plan, true).await?, counted(engine, context, &plan, false).await?];
    if rows.contains(&0) {
        let side = if rows[0] == 0 { "old" } else { "new" };
        return Err(SuggestFault::NoVerdict(format!("{side} is empty: a period that has rows suggests more")));
    }
    let (keys, notes) = keys(engine, context, &plan, rows).await?;
    suggestion.notes.extend(notes);
    suggestion.keys = keys;
    mapped = suggestion.added_to(&output);
    if suggestion.keys.is_some() {
        let plan = planned(&mapped, context, &sides)?;
        if let Some(renames) = Renames::new(&mapped, &plan, &sides.0, &sides.1, rows) {
            let answer_of = ask(engine, context, &renames.statement(engine.dialect())).await?;
            suggestion.map.extend(renames.read(engine.dialect(), &answer_of).map_err(answer)?);
            mapped = suggestion.added_to(&output);
        }
    }
    let before = result(engine, context, &mapped, &old, &new).await?;
    suggestion.notes.extend(suggest::schema_notes(&before));
    suggest::propose(&mut suggestion, &before);
    let mut after = before.clone();
    if !(suggestion.rules.is_empty() && suggestion.ignore.is_empty()) {
        output = suggestion.added_to(&output);
        after = result(engine, context, &output, &old, &new).await?;
        suggest::still(&mut suggestion, &before, &after);
    }
    suggestion.is_equal = after.verdict == Verdict::Equal;
    Ok(suggestion)
}

fn planned(
    output: &CompareOutput,
    context: &CompareContext<'_>,
    (old, new): &(DescribedSide, DescribedSide),
) -> Result<OutputPlan, CompareFault> {
    let planned = schema::plan(output, context.zone, old.clone(), new.clone()).map_err(CompareFault::Manifest)?;
    Ok(planned.plan)
}

async fn ask(
    engine: &mut Engine,
    context: &CompareContext<'_>,
    statement: &Statement,
) -> Result<Vec<SqlRow>, SuggestFault> {
    (context.progress)(statement.step, None);
    Ok(engine.rows(statement).await?)
}

async fn counted(
    engine: &mut Engine,
    context: &CompareContext<'_>,
    plan: &OutputPlan,
    is_old: bool,
) -> Result<u64, SuggestFault> {
    let statement = sql::count(engine.dialect(), if is_old { &plan.old } else { &plan.new });
    sql::read_count(&ask(engine, context, &statement).await?).map_err(answer)
}

async fn keys(
    engine: &mut Engine,
    context: &CompareContext<'_>,
    plan: &OutputPlan,
    rows: [u64; 2],
) -> Result<(Option<FoundKeys>, Vec<String>), SuggestFault> {
    let joined = Joined::new(plan, JoinPath::Bag);
    let wanted = context.output.keys.clone().unwrap_or_default();
    let mut search = KeySearch::new(&joined, engine.dialect(), rows, &wanted);
    while let Some(statement) = search.ask() {
        let rows = ask(engine, context, &statement).await?;
        search.answer(&rows).map_err(answer)?;
    }
    Ok(search.finish())
}

/// An ordinary comparison.
async fn result(
    engine: &mut Engine,
    context: &CompareContext<'_>,
    output: &CompareOutput,
    old: &SideSource,
    new: &SideSource,
) -> Result<OutputResult, SuggestFault> {
    let CompareContext { zone, today, progress, .. } = context;
    let context = CompareContext { output, zone, today: *today, previous: None, progress };
    let result = compare(engine, &context, old.clone(), new.clone()).await?;
    match (result.verdict, &result.because) {
        (Verdict::None, Some(because)) => Err(SuggestFault::NoVerdict(because.clone())),
        _ => Ok(result),
    }
}
