//! `plumb migrate forecast`.

use super::board::make;
use super::sources::{Sources, sources};
use crate::cli::output::{Forms, Output};
use crate::cli::session::Project;
use crate::cli::time::day;
use crate::cli::{Global, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use plumb_core::manifest::forecast_place;
use plumb_core::migrate::board::{Board, BoardForecast};
use plumb_core::migrate::forecast::of_project::{ForecastAsked, ForecastStanding, forecast_input, stage_at_least};
use plumb_core::migrate::forecast::times::SeenStages;
use plumb_core::migrate::forecast::{self, DRAWS, Forecast, ForecastInput, MOST_DRAWS, MissingInput, PastForecast};
use plumb_core::migrate::manifests::board_manifests;
use plumb_core::migrate::stage::{MigrationStage, StageDates};
use plumb_core::render;
use std::collections::BTreeMap;

/// A board is to cost little: the draws times the pipelines.
const MOST_PIPELINE_DRAWS: u32 = 800_000;

/// Say when the migration will be done
///
/// Draws how long the stages that are left take, from the stages that finished and from the ranges of `forecast.days` in
/// plumb.yaml, and says by when all is done in 50, 85 and 95 % of the draws, what moves that most, and what it rests on. The
/// same input gives the same forecast. Where too little is known for one it says what is missing.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb migrate forecast --by 2026-12-18             whether it fits
  plumb migrate forecast --people 3                  with one more
  plumb migrate forecast --at HEAD~20               an earlier forecast, today")]
pub struct MigrateForecast {
    #[command(flatten)]
    targeted: Targeted,
    /// The day by which it has to be done [default: `forecast.by` of plumb.yaml]
    #[arg(long, value_name = "DATE", value_parser = date)]
    by: Option<Date>,
    /// How many people work on it [default: `forecast.people` of plumb.yaml, or 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    people: Option<u32>,
    /// Make the forecast of a commit, as it was made then, and say how it stands today
    #[arg(long, value_name = "COMMIT")]
    at: Option<String>,
    /// How many draws to make [default: 20000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(100..=i64::from(MOST_DRAWS)))]
    draws: Option<u32>,
    /// Ask no service: what git and evidence/ tell
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    output: Output<ForecastForm>,
}

/// The forms of a forecast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ForecastForm {
    #[default]
    Text,
    Markdown,
    Json,
}

impl Forms for ForecastForm {}

fn date(text: &str) -> Result<Date, String> {
    let day = text.parse().ok().filter(|_| text.len() == 10);
    day.ok_or_else(|| "expected a day like 2026-12-18".to_owned())
}

/// Says when the migration will be done.
pub async fn run(global: &Global, args: MigrateForecast, ui: &Ui) -> Result<ExitCode, Failure> {
    let targeted = Targeted { at: args.at.clone(), ..args.targeted.clone() };
    let read = Standings::read(global, &targeted, args.offline, ui).await?;
    let (forecast, input) = made(&read, &args)?;
    let past = match &args.at {
        Some(_) => Some(held_against_today(global, &args, &forecast, &input, ui).await?),
        None => None,
    };
    let text = match args.output.output {
        ForecastForm::Text => render::forecast::text(&forecast, past.as_ref()),
        ForecastForm::Markdown => render::forecast::markdown(&forecast, past.as_ref()),
        ForecastForm::Json => {
            render::forecast::json(&forecast, past.as_ref()).map_err(|e| Failure::error(e.to_string()))?
        }
    };
    args.output.write(&text, ui)?;
    Ok(ExitCode::Ok)
}

/// Where the pipelines stand.
struct Standings {
    project: Project,
    now: Timestamp,
    of: BTreeMap<String, ForecastStanding>,
    /// Pipelines that no Migration is about.
    outside: usize,
    /// What could not be read.
    unread: Vec<String>,
}

impl Standings {
    /// As the board has it, and when each stage was reached.
    async fn read(global: &Global, targeted: &Targeted, offline: bool, ui: &Ui) -> Result<Standings, Failure> {
        let board = make(global, targeted, offline, ui).await?.board;
        let project = Project::load(global, targeted, ui)?;
        let sources = sources(&project, ui)?;
        let of = standings(&project, &sources, &board);
        let outside = board.pipelines.iter().filter(|row| !of.contains_key(&row.name)).count();
        let mut unread = board.unread;
        if offline {
            unread.push(
                "no service was asked: what is deployed, cut over or gone counts only where evidence tells".into(),
            );
        } else if targeted.at.is_some() {
            unread.push(
                "what was live then: what was deployed, cut over or gone counts only where evidence tells".into(),
            );
        }
        Ok(Standings { now: sources.now, project, of, outside, unread })
    }
}

/// Where each pipeline stands as the board has it, and when it reached its stages.
fn standings(project: &Project, sources: &Sources, board: &Board) -> BTreeMap<String, ForecastStanding> {
    let mut of = BTreeMap::new();
    for migration in board_manifests(&project.desired) {
        let row = board.pipelines.iter().find(|row| row.name == migration.name());
        let mut dates = sources.dates(migration.name(), &migration.spec);
        dates.reached.extend(row.iter().flat_map(|row| &row.reached).map(|(stage, at)| (*stage, *at)));
        let periods = sources.periods(migration.name(), &migration.spec);
        let mut ended: Vec<_> = periods.parallel.values().flatten().copied().collect();
        ended.sort_unstable();
        // Without kept runs a period counts from its comparison, which says nothing of how long one took.
        let complete = ended.get(periods.wanted.saturating_sub(1)).copied().filter(|_| periods.has_runs);
        let standing = ForecastStanding {
            stage: row.and_then(|row| stage_at_least(&row.conditions)),
            passes: u32::try_from(periods.equal).unwrap_or(u32::MAX),
            required: u32::try_from(periods.wanted).unwrap_or(u32::MAX),
            seen: SeenStages { dates, complete, grace: 0 },
        };
        of.insert(migration.name().to_owned(), standing);
    }
    of
}

/// The forecast of a board, where plumb.yaml says something of forecasts; `None` where no draws can be made.
pub fn of_board(project: &Project, sources: &Sources, board: &Board) -> Option<BoardForecast> {
    project.desired.project.forecast.as_ref()?;
    let standings = standings(project, sources, board);
    let draws = DRAWS.min(MOST_PIPELINE_DRAWS / u32::try_from(standings.len().max(1)).ok()?);
    let asked = ForecastAsked { draws: Some(draws), ..ForecastAsked::default() };
    let input = forecast_input(&project.desired, &standings, asked, sources.now);
    forecast::forecast(&input).ok()?.for_board()
}

fn made(read: &Standings, args: &MigrateForecast) -> Result<(Forecast, ForecastInput), Failure> {
    let desired = &read.project.desired;
    let asked = ForecastAsked { people: args.people, by: args.by, draws: args.draws };
    let mut input = forecast_input(desired, &read.of, asked, read.now);
    input.outside = read.outside;
    input.unread.clone_from(&read.unread);
    let today = day(input.now);
    if let Some(by) = input.by.filter(|by| *by < today) {
        let place = || forecast_place(&desired.files, "by").unwrap_or_else(|| "plumb.yaml".into());
        let place = if args.by.is_some() { "--by".to_owned() } else { place() };
        let failure = Failure::error(format!("{place}: {by} is over, and today is {today}"));
        return Err(failure.hint("name a day to come: `--by DATE`, or `forecast.by` of plumb.yaml"));
    }
    let made = forecast::forecast(&input).map_err(|none| {
        let said = render::forecast::missing(&none);
        let failure = Failure::error("there is no forecast: too little is known");
        let failure = said.into_iter().fold(failure, |failure, missing| failure.hint(missing));
        let is_range = none.missing.iter().any(|missing| matches!(missing, MissingInput::Range(_)));
        match forecast_place(&desired.files, "days").filter(|_| is_range) {
            Some(place) => failure.hint(format!("`forecast.days` stands at {place}")),
            None => failure,
        }
    })?;
    Ok((made, input))
}

/// Reads where the pipelines of an earlier forecast stand now.
async fn held_against_today(
    global: &Global,
    args: &MigrateForecast,
    earlier: &Forecast,
    input: &ForecastInput,
    ui: &Ui,
) -> Result<PastForecast, Failure> {
    let read = Standings::read(global, &args.targeted, args.offline, ui).await?;
    let about: Vec<String> = input.pipelines.iter().map(|one| one.name.clone()).collect();
    let stage = |(name, one): (&String, &ForecastStanding)| Some((name.clone(), one.stage?));
    let stages: BTreeMap<String, MigrationStage> = read.of.iter().filter_map(stage).collect();
    let dates: Vec<StageDates> = read.of.values().map(|one| one.seen.dates.clone()).collect();
    Ok(forecast::past(earlier, &about, &stages, &dates, day(read.now)))
}
