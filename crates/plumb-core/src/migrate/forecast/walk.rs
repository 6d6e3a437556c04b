//! One draw: each pipeline walks the stages that it has before it.
//!
//! People take the tasks in an order that is fixed beforehand. Whoever takes whichever task is ready would sometimes be done
//! later with more people or with shorter tasks (Graham's anomalies of list scheduling); with a fixed order each task begins at
//! the later of two times, when it is ready and when somebody is free, and both can only become earlier. The price is that
//! somebody waits now and then for the next task, so several orders are tried, and the earliest end counts: the earliest of
//! several times that never become later never becomes later either.

use super::calendar::{DAY, ScheduleTicks, WorkingDays};
use super::input::ForecastInput;
use super::times::{StageTable, TimedStage};
use crate::migrate::stage::MigrationStage;
use plumb_model::stats::draw::{SeededDraws, pick};
use std::collections::BTreeMap;

/// How long one replay takes: a day.
pub const REPLAY: u32 = DAY;

/// How many pipelines are begun before the first one is deployed, and before its comparisons are looked into. From one pipeline
/// after the other to one stage after the other.
const LAGS: [(usize, usize); 4] = [(0, 0), (2, 8), (8, 32), (usize::MAX, usize::MAX)];
/// Of more pipelines than this, only orders that are neither are tried.
const MANY: usize = 40;
const LAGS_OF_MANY: [(usize, usize); 2] = [(8, 32), (16, 64)];

/// What people do at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PeopleTask {
    /// To inventory and to translate.
    Begin,
    Deploy,
    Compare,
}

/// A pipeline with all that does not depend on the draw, in minutes.
struct Walker {
    wave: usize,
    stage: MigrationStage,
    /// How long a decision has been open already.
    waited: u32,
    missing: u32,
    ticks: Option<ScheduleTicks>,
    settles: u32,
    replayable: bool,
    not_before: u32,
    grace: u32,
    teardown_from: u32,
    /// Where the old is marked already: since when its grace period goes.
    marked: Option<u32>,
}

/// What each pipeline's stages take in a draw, in working minutes.
pub type DrawnTimes = Vec<[u32; 6]>;

/// All pipelines and what is the same in every draw.
pub struct MigrationWalk {
    days: WorkingDays,
    now: u32,
    people: usize,
    replays: usize,
    walkers: Vec<Walker>,
    orders: Vec<Vec<(usize, PeopleTask)>>,
    tables: Vec<Option<StageTable>>,
    stage_draws: Vec<SeededDraws>,
    draws: Vec<SeededDraws>,
    samples: Vec<Vec<u32>>,
    /// The end of each wave's cutover.
    pub waves: Vec<String>,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    people: Vec<u32>,
    replays: Vec<u32>,
    ready: Vec<u32>,
    waves: Vec<u32>,
    ends: Vec<u32>,
    cuts: Vec<u32>,
    done: Vec<u32>,
}

/// When everything happens in one draw, in minutes; of a pipeline that is behind it already, now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalkEnd {
    /// When each pipeline is cut over.
    pub cuts: Vec<u32>,
    /// When nothing old is left of each.
    pub done: Vec<u32>,
    /// The latest of `cuts`.
    pub cut: u32,
    /// The latest of `done`.
    pub end: u32,
}

impl MigrationWalk {
    /// The pipelines of an input that are not done; `tables` has every stage that one of them has before it.
    pub fn of(input: &ForecastInput, tables: &BTreeMap<TimedStage, StageTable>) -> MigrationWalk {
        let days = input.days();
        let now = days.minutes(input.now);
        let left: Vec<_> = input.pipelines.iter().filter(|one| one.stage < MigrationStage::TornDown).collect();
        let mut waves: Vec<String> = Vec::new();
        let mut walkers = Vec::new();
        for one in &left {
            let wave = waves.iter().position(|wave| *wave == one.wave).unwrap_or_else(|| {
                waves.push(one.wave.clone());
                waves.len() - 1
            });
            let since = one.since.filter(|since| *since <= input.now);
            let grace = u32::try_from(one.grace / 60).unwrap_or(u32::MAX);
            let waited = since.filter(|_| one.stage == MigrationStage::Translated).map_or(0, |since| {
                let earlier = WorkingDays::from(since, &input.holidays);
                earlier.between(since, input.now)
            });
            // What was marked before today is so many minutes nearer to its end.
            let gone =
                since.map_or(0, |since| u32::try_from((input.now.as_second() - since.as_second()) / 60).unwrap_or(0));
            walkers.push(Walker {
                wave,
                stage: one.stage,
                waited,
                missing: one.missing(),
                ticks: one.ticks.clone(),
                settles: one.settles,
                replayable: one.replayable,
                not_before: one.cutover.map_or(0, |day| days.start_of(day)),
                grace,
                teardown_from: one.not_before.map_or(0, |day| days.start_of(day)),
                marked: (one.stage == MigrationStage::Marked).then(|| now + grace.saturating_sub(gone)),
            });
        }
        let orders = orders(&walkers);
        let (project, target) = &input.names;
        let seeded = |what: &str, name: &str| SeededDraws::of([project.as_str(), target.as_str(), what, name]);
        MigrationWalk {
            now,
            people: (input.people.max(1) as usize).min(3 * left.len().max(1)),
            replays: input.replays_at_once.max(1) as usize,
            orders,
            tables: TimedStage::ALL.iter().map(|stage| tables.get(stage).cloned()).collect(),
            stage_draws: TimedStage::ALL.iter().map(|stage| seeded("stage", stage.key())).collect(),
            draws: left.iter().map(|one| seeded("pipeline", &one.name)).collect(),
            samples: vec![Vec::new(); TimedStage::ALL.len()],
            scratch: Scratch::default(),
            days,
            walkers,
            waves,
        }
    }

    /// The days that it counts in.
    pub fn days(&self) -> &WorkingDays {
        &self.days
    }

    /// The wave of each pipeline, as an index of `waves`.
    pub fn wave_of(&self) -> impl Iterator<Item = usize> {
        self.walkers.iter().map(|walker| walker.wave)
    }

    /// What the next draw gives to each pipeline. A pipeline has numbers of its own, which those of no other change.
    pub fn draw(&mut self, times: &mut DrawnTimes) {
        for ((table, draws), sample) in self.tables.iter().zip(&mut self.stage_draws).zip(&mut self.samples) {
            if let Some(table) = table {
                table.sample(draws, sample);
            }
        }
        times.resize(self.walkers.len(), [0; 6]);
        for ((times, draws), walker) in times.iter_mut().zip(&mut self.draws).zip(&self.walkers) {
            for (pair, samples) in times.chunks_exact_mut(2).zip(self.samples.chunks_exact(2)) {
                let bits = draws.bits();
                for (time, (share, sample)) in
                    pair.iter_mut().zip([(bits >> 32) as u32, bits as u32].into_iter().zip(samples))
                {
                    *time = sample.get(pick(share, sample.len())).copied().unwrap_or(0);
                }
            }
            walker.clear(times);
        }
    }

    /// Each stage at its least, or at its most.
    pub fn extreme(&self, most: bool) -> DrawnTimes {
        let of =
            |table: &Option<StageTable>| table.as_ref().map_or(0, |table| if most { table.most } else { table.least });
        let mut times = [0; 6];
        times.iter_mut().zip(&self.tables).for_each(|(time, table)| *time = of(table));
        let mut all = vec![times; self.walkers.len()];
        all.iter_mut().zip(&self.walkers).for_each(|(times, walker)| walker.clear(times));
        all
    }

    /// Walks with these times, in the order by which all is cut over first, and in that by which all is done first.
    pub fn walk(&mut self, times: &DrawnTimes, best: &mut WalkEnd) {
        let mut scratch = std::mem::take(&mut self.scratch);
        for (index, order) in self.orders.iter().enumerate() {
            let (cut, end) = self.walk_in(order, times, &mut scratch);
            // Each by itself, or one would become later where the other becomes earlier.
            if index == 0 || cut < best.cut {
                best.cut = cut;
                std::mem::swap(&mut best.cuts, &mut scratch.cuts);
            }
            if index == 0 || end < best.end {
                best.end = end;
                std::mem::swap(&mut best.done, &mut scratch.done);
            }
        }
        self.scratch = scratch;
    }

    fn walk_in(&self, order: &[(usize, PeopleTask)], times: &DrawnTimes, scratch: &mut Scratch) -> (u32, u32) {
        let Scratch { people, replays, ready, waves, ends, cuts, done } = scratch;
        let begin = self.days.worked(self.now);
        // People count in working time, all else in time.
        restart(people, self.people, begin);
        restart(replays, self.replays, self.now);
        restart(ready, self.walkers.len(), begin);
        for &(index, task) in order {
            let (walker, times) = (&self.walkers[index], &times[index]);
            let at = ready[index];
            ready[index] = match task {
                PeopleTask::Begin => {
                    let time = times[TimedStage::Inventory as usize] + times[TimedStage::Translate as usize];
                    take(people, at, time) + times[TimedStage::Decide as usize]
                }
                PeopleTask::Deploy => {
                    let end = take(people, at + walker.open(times), times[TimedStage::Deploy as usize]);
                    self.compared(walker, self.days.after(end), replays, ends)
                }
                PeopleTask::Compare => {
                    // After `Deploy` it is a time already.
                    let at = if walker.stage >= MigrationStage::Deployed {
                        self.compared(walker, self.now, replays, ends)
                    } else {
                        at
                    };
                    let end = take(people, self.days.worked(at), times[TimedStage::Parity as usize]);
                    // What takes no time adds nothing to the wait for the last period.
                    self.days.after(end).max(at)
                }
            };
        }
        restart(waves, self.waves.len(), self.now);
        for (walker, ready) in self.walkers.iter().zip(ready.iter()) {
            if walker.stage < MigrationStage::CutOver {
                let at = if walker.stage >= MigrationStage::Parity { self.now } else { *ready };
                waves[walker.wave] = waves[walker.wave].max(at).max(walker.not_before);
            }
        }
        // A wave is cut over when the schedule of its last member has come round.
        restart(ends, self.waves.len(), self.now);
        for walker in self.walkers.iter().filter(|walker| walker.stage < MigrationStage::CutOver) {
            let at = waves[walker.wave];
            let tick = walker.ticks.as_ref().map_or(at, |ticks| ticks.from(at, 0));
            ends[walker.wave] = ends[walker.wave].max(tick);
        }
        cuts.clear();
        done.clear();
        for (walker, times) in self.walkers.iter().zip(times) {
            let cut = if walker.stage < MigrationStage::CutOver { ends[walker.wave] } else { self.now };
            let due = walker.marked.unwrap_or(cut.saturating_add(walker.grace)).max(walker.teardown_from).max(self.now);
            let worked = self.days.worked(due) + times[TimedStage::Teardown as usize];
            cuts.push(cut);
            done.push(self.days.after(worked).max(due));
        }
        (cuts.iter().copied().max().unwrap_or(self.now), done.iter().copied().max().unwrap_or(self.now))
    }

    /// When as many periods have been run on both sides as are missing: each comes by itself, or is replayed.
    fn compared(&self, walker: &Walker, from: u32, replays: &mut [u32], ends: &mut Vec<u32>) -> u32 {
        if walker.missing == 0 {
            return from;
        }
        let natural = |count: u32| match (&walker.ticks, count) {
            (_, 0) => from,
            (Some(ticks), _) => ticks.from(from, count - 1).saturating_add(walker.settles),
            (None, _) => u32::MAX,
        };
        if !walker.replayable {
            return natural(walker.missing);
        }
        ends.clear();
        ends.push(from);
        ends.extend((0..walker.missing).map(|_| take(replays, from, REPLAY)));
        // With each period that comes by itself one replay fewer has to be waited for.
        let mut best = u32::MAX;
        for (replayed, count) in ends.iter().rev().zip(0..) {
            let natural = natural(count);
            if natural >= best {
                break;
            }
            best = natural.max(*replayed);
        }
        best
    }
}

impl Walker {
    /// What is behind a pipeline takes no time.
    fn clear(&self, times: &mut [u32; 6]) {
        for (time, stage) in times.iter_mut().zip(TimedStage::ALL) {
            if !stage.is_left(self.stage) {
                *time = 0;
            }
        }
    }

    /// What is left of a decision that is open already: a quarter of the time that was drawn at least, however long it waited.
    fn open(&self, times: &[u32; 6]) -> u32 {
        if self.stage != MigrationStage::Translated {
            return 0;
        }
        let time = times[TimedStage::Decide as usize];
        time.saturating_sub(self.waited).max(time / 4)
    }
}

fn restart(list: &mut Vec<u32>, length: usize, with: u32) {
    list.clear();
    list.resize(length, with);
}

/// Whoever is free first does what is ready then; when it is done. `free` rises and goes on to rise (Kiefer and Wolfowitz).
fn take(free: &mut [u32], ready: u32, time: u32) -> u32 {
    let end = ready.max(free[0]).saturating_add(time);
    let mut at = 0;
    while at + 1 < free.len() && free[at + 1] < end {
        free[at] = free[at + 1];
        at += 1;
    }
    free[at] = end;
    end
}

/// The orders in which people take tasks. They depend on which tasks there are, and neither on times nor on people.
fn orders(walkers: &[Walker]) -> Vec<Vec<(usize, PeopleTask)>> {
    let mut orders: Vec<Vec<(usize, PeopleTask)>> = Vec::new();
    let lags = if walkers.len() > MANY { &LAGS_OF_MANY[..] } else { &LAGS };
    for &(deploy, compare) in lags {
        let mut tasks: Vec<(usize, PeopleTask, usize)> = Vec::new();
        for (index, walker) in walkers.iter().enumerate() {
            let stage = walker.stage;
            let mut task = |task, lag: usize, until: MigrationStage| {
                if stage < until {
                    tasks.push((index.saturating_add(lag), task, index));
                }
            };
            task(PeopleTask::Begin, 0, MigrationStage::Translated);
            task(PeopleTask::Deploy, deploy, MigrationStage::Deployed);
            task(PeopleTask::Compare, compare, MigrationStage::Parity);
        }
        tasks.sort_unstable();
        let order: Vec<_> = tasks.into_iter().map(|(_, task, index)| (index, task)).collect();
        if !orders.contains(&order) {
            orders.push(order);
        }
    }
    orders
}
