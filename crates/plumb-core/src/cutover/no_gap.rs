//! The gate `noGap`: the new DAGs go on with the very period that the old would have run next.

use super::gates::minute;
use super::standing::WaveState;
use crate::kinds::cutover::{NextRun, NextTick};
use jiff::Timestamp;

/// Whether no period is skipped and none run twice, of one migration.
///
/// What is compared is the beginning of the periods, which is what runs are told. Two schedules need not have the same minute:
/// what is less than half a step apart is the same period.
pub fn no_gap(
    old: &[&WaveState<'_>],
    new: &[&WaveState<'_>],
    begins: Option<Timestamp>,
    now: Timestamp,
) -> (bool, String) {
    let (last, first) = match (ticks(old), ticks(new)) {
        (Ok(last), Ok(first)) => (last, first),
        (Err(why), _) | (_, Err(why)) => return (false, why),
    };
    let day = begins.filter(|day| *day > now);
    if let (Some(day), Some((state, tick))) = (day, last.iter().find(|(_, t)| day.is_some_and(|day| t.at < day))) {
        let then = new.iter().find_map(|new| match new.object.kind.first_run_after(&new.object.resource.spec, day) {
            NextRun::Tick(tick) => new.object.kind.starting_with(&new.object.resource.spec, tick.start),
            NextRun::Never | NextRun::Unknown(_) => None,
        });
        let then =
            then.map_or_else(String::new, |start| format!("; the first tick after that day is met by `{start}`"));
        let says = format!(
            "told on the day: {} runs {} before it, for the period from {}{then}",
            state.address(),
            minute(tick.at),
            minute(tick.start)
        );
        return (false, says);
    }
    for (state, tick) in &first {
        for (before, next) in &last {
            if !is_same(state, tick, next) {
                return (false, mismatch(state, tick, before, next));
            }
        }
    }
    if let Some((before, next)) = last.first().filter(|_| first.is_empty()) {
        let period = minute(next.start);
        let says =
            format!("{} runs the period from {period} next, and the clock starts none of the new", before.address());
        return (false, says);
    }
    let due = first.iter().filter(|(_, tick)| tick.at <= now);
    for (state, tick) in due {
        if let Err(remedy) = state.object.kind.may_start_at_once(&state.object.resource.spec) {
            let says = format!(
                "{} starts a run at once, because its tick of {} has passed: {remedy}",
                state.address(),
                minute(tick.at)
            );
            return (false, says);
        }
    }
    match (last.first(), first.first()) {
        (_, None) => (true, "the clock starts neither the old nor the new".to_owned()),
        (None, Some((state, tick))) => (
            true,
            format!(
                "the clock starts nothing of the old; {} begins with the period from {}",
                state.address(),
                minute(tick.start)
            ),
        ),
        (Some((before, _)), Some((state, tick))) => (
            true,
            format!(
                "{} goes on with the period from {}, which {} would have run next",
                state.address(),
                minute(tick.start),
                before.address()
            ),
        ),
    }
}

type Ticks<'s> = Vec<(&'s WaveState<'s>, NextTick)>;

/// The next run of each DAG that the clock starts.
fn ticks<'s>(states: &[&'s WaveState<'s>]) -> Result<Ticks<'s>, String> {
    let mut ticks = Vec::new();
    for state in states {
        let unknown = |why: &str| format!("which period {} runs next is not known: {why}", state.address());
        match &state.live {
            Err(why) => return Err(unknown(why)),
            Ok(live) => match state.object.kind.next_run_of(live) {
                NextRun::Unknown(why) => return Err(unknown(&why)),
                NextRun::Never => {}
                NextRun::Tick(tick) => ticks.push((*state, tick)),
            },
        }
    }
    Ok(ticks)
}

/// Whether two runs are for the same period.
fn is_same(state: &WaveState<'_>, new: &NextTick, old: &NextTick) -> bool {
    let apart = new.start.duration_since(old.start).abs();
    let spec = &state.object.resource.spec;
    match state.object.kind.step(spec, new.start) {
        Some(step) => apart.checked_mul(2).is_some_and(|twice| twice < step),
        None => apart.is_zero(),
    }
}

fn mismatch(state: &WaveState<'_>, new: &NextTick, before: &WaveState<'_>, old: &NextTick) -> String {
    let (new_one, old_one) = (state.address(), before.address());
    let (first, next) = (minute(new.start), minute(old.start));
    let what = if new.start < old.start {
        format!(
            "{new_one} would begin with the period from {first}, before that from {next}, which {old_one} runs next: what lies between would be run twice"
        )
    } else {
        format!(
            "{new_one} would begin with the period from {first}, and {old_one} would have run that from {next}: it would be skipped"
        )
    };
    let start = state.object.kind.starting_with(&state.object.resource.spec, old.start);
    match start.filter(|_| !state.object.resource.kind.is_external(&state.object.resource.spec)) {
        Some(start) => format!("{what}; `{start}` begins with just that"),
        None => what,
    }
}
