//! The board: every pipeline with its stage, its health and what is next, and every wave with what it waits for.

use super::facts::{PipelineFacts, conditions};
use super::health::{BoardHealth, HealthState, health, is_at, needs, next};
use super::months::{BoardCause, BoardPeriod};
use super::stage::{ConditionState, MigrationStage, StageCondition, StageReached, stage};
use super::ties::BoardTie;
use crate::cutover::{PendingCutover, TOLD_ON_THE_DAY, WaveGate};
use crate::detect;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the format is called.
pub const BOARD_FORMAT: &str = "plumb.board/v1";

/// Where a migration stands.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Board {
    /// `plumb.board/v1`.
    pub format: String,
    pub project: String,
    pub target: String,
    /// The commit that the manifests were read at; `-dirty` is added when files differ from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// As of when it is.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// By wave, then by name.
    pub pipelines: Vec<BoardRow>,
    pub waves: Vec<BoardWave>,
    pub ties: Vec<BoardTie>,
    /// What failed, by cause and month.
    pub causes: Vec<BoardCause>,
    /// How many pipelines had reached a stage, by day.
    pub burn_up: Vec<BurnUpDay>,
    /// When it will be done; `None`: no forecast was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<BoardForecast>,
    /// What could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

/// A pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct BoardRow {
    /// `null`: it is in no wave with others.
    pub wave: Option<String>,
    pub name: String,
    /// The highest whose own and all earlier conditions hold.
    pub stage: MigrationStage,
    /// Whether it may be further: what would tell could not be read.
    pub or_later: bool,
    /// The stage and how far the next one is: `parity 2 of 3`.
    pub label: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    pub health: BoardHealth,
    pub next: String,
    /// What holds although something before it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oddity: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Every condition, in the order of stages.
    pub conditions: Vec<StageCondition>,
    /// When each stage was reached, as far as that is known.
    #[schemars(with = "BTreeMap<MigrationStage, String>")]
    pub reached: BTreeMap<MigrationStage, Timestamp>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub periods: Vec<BoardPeriod>,
}

/// A wave.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct BoardWave {
    pub name: String,
    pub pipelines: Vec<String>,
    /// The lowest stage of its pipelines.
    pub stage: MigrationStage,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub cutover: Option<Date>,
    /// Whether its DAGs are: of every pipeline the old paused and the new on, whatever came before.
    #[serde(default)]
    pub is_cut_over: bool,
    /// What it waits for before it can be cut over. Empty: it can, or it was.
    pub needs: Vec<String>,
    /// What is missing although no gate asks for it: it is cut over without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unasked: Vec<String>,
}

/// How many pipelines had reached a stage on a day, among those whose date is known.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct BurnUpDay {
    #[schemars(with = "String")]
    pub day: Date,
    pub deployed: usize,
    pub parity: usize,
    pub cut_over: usize,
}

/// When a migration will be done, as `plumb migrate forecast` says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct BoardForecast {
    /// The day by which it has to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub by: Option<Date>,
    /// The days by which it is done in 50, 85 and 95 of 100 draws.
    #[schemars(with = "Vec<String>")]
    pub days: Vec<Date>,
    /// In a sentence.
    pub says: String,
}

/// What a board is made of.
pub struct BoardInput<'a> {
    pub project: &'a str,
    pub target: &'a str,
    pub commit: Option<&'a str>,
    pub at: Timestamp,
    pub pipelines: &'a [PipelineFacts],
    /// The periods of each, by name.
    pub periods: BTreeMap<String, Vec<BoardPeriod>>,
    /// Names of what runs and that no manifest is about.
    pub strangers: &'a BTreeSet<String>,
    /// Waves that are not cut over, as a plan shows them.
    pub cutovers: &'a [PendingCutover],
    pub ties: Vec<BoardTie>,
    pub causes: Vec<BoardCause>,
    pub forecast: Option<BoardForecast>,
    pub unread: Vec<String>,
}

/// Makes the board. The same input gives the same board, in whatever order it comes.
pub fn board(input: BoardInput<'_>) -> Board {
    let today = input.at.to_zoned(TimeZone::UTC).date();
    let mut periods = input.periods;
    let mut rows = Vec::new();
    let mut waves: BTreeMap<&str, BoardWave> = BTreeMap::new();
    for facts in input.pipelines {
        let conditions = conditions(facts);
        let reached = stage(&conditions);
        let pending = input.cutovers.iter().find(|one| one.address.name == facts.wave);
        let held = pending.and_then(|one| one.gates.iter().find(|gate| gate.gate.name == "held" && !gate.gate.holds));
        let health = health(facts, &reached, held.map(|gate| gate.gate.says.as_str()), today);
        let at = reached.stage.unwrap_or(MigrationStage::Seen);
        let is_flipped =
            conditions.iter().any(|one| one.stage == MigrationStage::CutOver && one.state == ConditionState::Holds);
        // What no Migration names is in no wave.
        if facts.files.inventoried || facts.has_wave {
            let wave = waves.entry(&facts.wave).or_insert_with(|| BoardWave {
                name: facts.wave.clone(),
                pipelines: Vec::new(),
                stage: at,
                cutover: facts.cutover,
                is_cut_over: true,
                needs: Vec::new(),
                unasked: Vec::new(),
            });
            wave.stage = wave.stage.min(at);
            wave.is_cut_over &= is_flipped;
            wave.cutover = wave.cutover.or(facts.cutover);
            wave.pipelines.push(facts.name.clone());
            let needs = needs(facts, &reached);
            let of_pipeline = |all: &[String]| (!all.is_empty()).then(|| format!("{} {}", facts.name, all.join(", ")));
            wave.needs.extend(of_pipeline(&needs.asked));
            wave.unasked.extend(of_pipeline(&needs.unasked));
        }
        rows.push(BoardRow {
            wave: facts.has_wave.then(|| facts.wave.clone()),
            name: facts.name.clone(),
            stage: at,
            or_later: reached.open.as_ref().is_some_and(|open| open.state == ConditionState::Unknown),
            label: label(facts, &reached),
            since: since(facts, &reached),
            next: next(facts, &reached, &health, is_flipped, pending.map(|one| one.next.as_str())),
            // Nothing is wanted of what no Migration names, so it cannot lag behind it.
            oddity: reached.oddity.filter(|_| facts.files.inventoried),
            health,
            owner: facts.owner.clone(),
            conditions,
            reached: dates(facts, at),
            periods: periods.remove(&facts.name).unwrap_or_default(),
        });
    }
    for (name, wave) in &mut waves {
        let pending = input.cutovers.iter().find(|one| one.address.name == *name);
        let of_wave: Vec<&WaveGate> = pending.into_iter().flat_map(|one| &one.gates).collect();
        let is_early = of_wave.iter().any(|gate| gate.gate.name == "date" && !gate.gate.holds);
        let of_members = std::mem::take(&mut wave.needs);
        let open = of_wave.into_iter().filter(|gate| !gate.gate.holds && is_own_need(gate, is_early, &of_members));
        wave.needs.extend(open.map(|gate| match &gate.member {
            Some(member) if !gate.gate.says.contains(&member.name) => format!("{}: {}", member.name, gate.gate.says),
            _ => gate.gate.says.clone(),
        }));
        wave.needs.extend(of_members);
        wave.pipelines.sort();
        for list in [&mut wave.needs, &mut wave.unasked] {
            list.sort();
            list.dedup();
        }
    }
    let mut waves: Vec<BoardWave> = waves.into_values().collect();
    waves.sort_by_cached_key(|wave| natural(&wave.name));
    rows.extend(input.strangers.iter().map(|name| stranger(name)));
    rows.sort_by(|a, b| {
        let key = |row: &BoardRow| (row.wave.is_none(), row.wave.as_deref().map(natural), row.name.clone());
        key(a).cmp(&key(b))
    });
    let mut ties = input.ties;
    ties.sort();
    let mut unread = input.unread;
    unread.sort();
    unread.dedup();
    let burn_up = burn_up(&rows);
    let board = Board {
        format: BOARD_FORMAT.to_owned(),
        project: input.project.to_owned(),
        target: input.target.to_owned(),
        commit: input.commit.map(str::to_owned),
        at: input.at,
        pipelines: rows,
        waves,
        ties,
        causes: input.causes,
        burn_up,
        forecast: input.forecast,
        unread,
    };
    without_secrets(board)
}

/// Whether an open gate is something that a wave needs, beside what its members need, which is said in their own words. What is
/// known on the day alone is no need before it.
fn is_own_need(gate: &WaveGate, is_early: bool, of_members: &[String]) -> bool {
    let words: &[&str] = match gate.gate.name {
        "date" => return false,
        "quiet" => return !is_early,
        "noGap" => return !(is_early && gate.gate.says.starts_with(TOLD_ON_THE_DAY)),
        "parity" => &["period"],
        "successors" => &["green", "deployed"],
        "deployed" => &["deployed", "translated", "decision", "not known"],
        _ => return true,
    };
    let is_its = |need: &str| gate.member.as_ref().is_none_or(|member| need.starts_with(&format!("{} ", member.name)));
    !of_members.iter().any(|need| is_its(need) && words.iter().any(|word| need.contains(word)))
}

/// `10` after `9`.
pub fn natural(name: &str) -> (u64, String) {
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    (digits.parse().unwrap_or(u64::MAX), name.to_owned())
}

fn stranger(name: &str) -> BoardRow {
    let seen = StageCondition { stage: MigrationStage::Seen, state: ConditionState::Holds, says: String::new() };
    let says = "no manifest is about it".to_owned();
    let open = StageCondition { stage: MigrationStage::Inventoried, state: ConditionState::Missing, says };
    let health = BoardHealth { state: HealthState::Ok, says: String::new(), class: None, place: None, since: None };
    BoardRow {
        wave: None,
        name: name.to_owned(),
        stage: MigrationStage::Seen,
        or_later: false,
        label: MigrationStage::Seen.word().to_owned(),
        since: None,
        health,
        next: format!("plumb import emr --name '{name}'"),
        oddity: None,
        owner: None,
        conditions: vec![seen, open],
        reached: BTreeMap::new(),
        periods: Vec::new(),
    }
}

/// The stage, and how far the one after it is.
fn label(facts: &PipelineFacts, reached: &StageReached) -> String {
    let periods = &facts.periods;
    let at = reached.stage.unwrap_or(MigrationStage::Seen);
    let label = match at {
        MigrationStage::Translated if !facts.files.decisions.is_empty() => {
            let open = facts.files.decisions.len();
            if open == 1 { "1 decision open".into() } else { format!("{open} decisions open") }
        }
        MigrationStage::InParallel | MigrationStage::Parity if periods.equal > 0 => {
            format!("parity {} of {}", periods.equal.min(periods.wanted), periods.wanted)
        }
        MigrationStage::InParallel => {
            format!("in parallel {} of {}", periods.parallel.len(), periods.wanted.max(periods.parallel.len()))
        }
        MigrationStage::Marked => "cut over, marked".into(),
        at => at.word().to_owned(),
    };
    if reached.open.as_ref().is_some_and(|open| open.state == ConditionState::Unknown) {
        format!("{label} or later")
    } else {
        label
    }
}

fn since(facts: &PipelineFacts, reached: &StageReached) -> Option<Timestamp> {
    let at = reached.stage.unwrap_or(MigrationStage::Seen);
    match at {
        MigrationStage::InParallel if facts.periods.equal > 0 => facts.periods.last_equal,
        MigrationStage::InParallel => facts.periods.parallel.values().flatten().max().copied(),
        at => facts.dates.reached.get(&at).copied(),
    }
}

/// The dates of the stages that hold: a stage that is not reached has none, whatever evidence there is.
fn dates(facts: &PipelineFacts, at: MigrationStage) -> BTreeMap<MigrationStage, Timestamp> {
    let mut reached = facts.dates.reached.clone();
    reached.retain(|stage, _| *stage <= at);
    reached
}

fn burn_up(rows: &[BoardRow]) -> Vec<BurnUpDay> {
    let day = |row: &BoardRow, stage| row.reached.get(&stage).map(|at| at.to_zoned(TimeZone::UTC).date());
    let of = |stage| -> Vec<Date> {
        let mut days: Vec<Date> = rows.iter().filter_map(|row| day(row, stage)).collect();
        days.sort_unstable();
        days
    };
    let [deployed, parity, cut_over] =
        [MigrationStage::Deployed, MigrationStage::Parity, MigrationStage::CutOver].map(of);
    let all: BTreeSet<Date> = [&deployed, &parity, &cut_over].into_iter().flatten().copied().collect();
    let count = |days: &[Date], day: Date| days.partition_point(|one| *one <= day);
    all.into_iter()
        .map(|day| BurnUpDay {
            day,
            deployed: count(&deployed, day),
            parity: count(&parity, day),
            cut_over: count(&cut_over, day),
        })
        .collect()
}

/// The board with every secret in a text of others hidden.
fn without_secrets(mut board: Board) -> Board {
    let hide = |text: &mut String| *text = detect::masked(text);
    let rows = board.pipelines.iter_mut();
    for row in rows {
        [&mut row.name, &mut row.next, &mut row.health.says].into_iter().for_each(hide);
        row.oddity.iter_mut().for_each(hide);
        row.owner.iter_mut().for_each(hide);
        row.conditions.iter_mut().for_each(|one| hide(&mut one.says));
    }
    board.waves.iter_mut().flat_map(|wave| wave.needs.iter_mut().chain(&mut wave.unasked)).for_each(hide);
    board.ties.iter_mut().for_each(|tie| {
        hide(&mut tie.what);
        tie.bridge.iter_mut().for_each(hide);
    });
    board.unread.iter_mut().for_each(hide);
    board
}

impl Board {
    /// How many pipelines have reached at least a stage.
    pub fn at_least(&self, stage: MigrationStage) -> usize {
        self.pipelines.iter().filter(|row| row.stage >= stage).count()
    }

    /// `5 pipelines: 1 cut over, 2 in parallel, 2 before.`
    pub fn summary(&self) -> String {
        let (all, cut) = (self.pipelines.len(), self.at_least(MigrationStage::CutOver));
        let parallel = self.at_least(MigrationStage::InParallel) - cut;
        let words = if all == 1 { "pipeline" } else { "pipelines" };
        format!("{all} {words}: {cut} cut over, {parallel} in parallel, {} before.", all - cut - parallel)
    }

    /// What each wave waits for, in a sentence or two; none of those that were cut over.
    pub fn waits(&self) -> Vec<String> {
        let today = self.at.to_zoned(TimeZone::UTC).date();
        let open = self.waves.iter().filter(|wave| wave.stage < MigrationStage::CutOver && !wave.is_cut_over);
        open.map(|wave| {
            let name = &wave.name;
            let mut says = match (&wave.needs[..], wave.cutover) {
                ([], Some(day)) if day > today => {
                    format!("Wave {name} has all that it needs, and cuts over on {day}.")
                }
                ([], Some(_)) => format!("Wave {name} has all that it needs: `plumb plan` shows its cutover."),
                ([], None) => format!("Wave {name} can cut over: set `cutover`."),
                (needs, _) => format!("Wave {name} can cut over when: {}.", needs.join("; ")),
            };
            if !wave.unasked.is_empty() {
                says.push_str(&format!(" Not asked for by `requires`: {}.", wave.unasked.join("; ")));
            }
            says
        })
        .collect()
    }

    /// The board of some pipelines only.
    pub fn only(mut self, names: &[String]) -> Board {
        let is_meant = |name: &str| names.iter().any(|one| one == name);
        self.pipelines.retain(|row| is_meant(&row.name));
        self.waves.retain(|wave| wave.pipelines.iter().any(|name| is_meant(name)));
        self.ties.retain(|tie| is_meant(&tie.from) || is_meant(&tie.to));
        self
    }
}

/// Whether a pipeline is cut over.
pub fn is_cut_over(reached: &StageReached) -> bool {
    is_at(reached, MigrationStage::CutOver)
}
