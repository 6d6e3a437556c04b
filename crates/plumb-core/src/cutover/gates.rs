//! The gates before a cutover: each holds or does not, and says why. What cannot be known does not hold.

use super::decide::HoldState;
use super::no_gap::no_gap;
use super::standing::WaveState;
use super::wave::{Wave, WaveMember};
use super::{Holds, WaveFacts, WaveGate};
use crate::cost::facts::KeptRuns;
use crate::cost::sla;
use crate::cost::{Prices, is_cheaper};
use crate::kinds::cutover::NextRun;
use crate::kinds::emr::ties::WaveEdge;
use crate::teardown::compared::compared;
use crate::teardown::gates::green;
use crate::teardown::{ComparedMigration, Evidence, Gate, Successor};
use jiff::{SignedDuration, Timestamp, Zoned, civil::Date, tz::TimeZone};
use plumb_model::address::Address;

/// How far off the next tick of each DAG has to be.
pub const QUIET: SignedDuration = SignedDuration::from_mins(30);
/// So many things that stand in the way are named.
const MOST_NAMED: usize = 3;

/// What the gates of a wave look at.
pub struct WaveKnown<'k> {
    /// The target's name.
    pub target: &'k str,
    pub states: &'k [WaveState<'k>],
    /// How the last runs of each member's jobs ended.
    pub successors: Vec<(Address, Vec<Successor>)>,
    pub evidence: &'k Evidence,
    pub kept_runs: &'k [KeptRuns],
    /// What runs are priced by; why that cannot be told.
    pub prices: Result<Option<Prices>, String>,
    pub edges: Vec<WaveEdge>,
    /// What is yet to be deployed of it, in a few words each.
    pub undeployed: Vec<String>,
    pub facts: &'k WaveFacts,
    pub holds: &'k Holds,
    /// Why a rollback's calls are not known, where they are not.
    pub no_way_back: Option<String>,
    pub now: Timestamp,
}

/// The gates that a cutover which was begun does not itself touch.
const STEADY: [&str; 9] =
    ["parity", "successors", "onTime", "cheaper", "closed", "deployed", "noGap", "wayBack", "held"];

/// Every gate of a wave, in the order in which they are asked.
pub fn gates(wave: &Wave<'_>, known: &WaveKnown<'_>) -> Vec<WaveGate> {
    let mut gates = Vec::new();
    let mut gate = |member: Option<&Address>, name: &'static str, (holds, says): (bool, String)| {
        gates.push(WaveGate { member: member.cloned(), gate: Gate { name, holds, says } });
    };
    gate(None, "date", date(wave, known.now));
    if let Some(says) = late(wave, known.facts) {
        gate(None, "committed", (known.facts.by_hand.as_ref() == Some(&wave.name), says));
    }
    for member in &wave.members {
        let address = Some(&member.resource.address);
        let requires = member.spec.requires.clone().unwrap_or_default();
        if let Some(parity) = requires.parity.as_ref().filter(|parity| parity.passes > 0) {
            let migrations = [ComparedMigration::of(member.resource)];
            let (holds, says) = compared(parity, &migrations, known.evidence, known.now);
            // Whose gate it is stands before it already.
            let says = says.strip_prefix(&format!("{}: ", member.resource.address)).unwrap_or(&says).to_owned();
            gate(address, "parity", (holds, says));
        }
        let jobs = known.successors.iter().filter(|(of, _)| Some(of) == address).flat_map(|(_, jobs)| jobs);
        for job in jobs {
            gate(address, "successors", green(job, requires.green_runs.unwrap_or(0)));
        }
        if let Some(wanted) = requires.on_time.filter(|wanted| *wanted > 0) {
            gate(address, "onTime", on_time(member, wanted, known));
        }
        if requires.cheaper == Some(true) {
            gate(address, "cheaper", cheaper(member, known));
        }
    }
    gate(None, "closed", closed(&known.edges));
    gate(None, "deployed", deployed(&known.undeployed));
    gate(None, "quiet", quiet(known, reached(wave, known.now)));
    for member in &wave.members {
        let states = |is_new: bool| -> Vec<&WaveState<'_>> {
            let objects = if is_new { &member.new } else { &member.old };
            let of = |object: &super::wave::WaveObject<'_>| {
                known.states.iter().find(|s| s.object.resource.address == object.resource.address)
            };
            objects.iter().filter_map(of).collect()
        };
        let says = no_gap(&states(false), &states(true), wave.begins(), known.now);
        gate(Some(&member.resource.address), "noGap", says);
    }
    gate(
        None,
        "wayBack",
        match &known.no_way_back {
            None => (true, "the calls of a rollback are known".to_owned()),
            Some(why) => (false, format!("the calls of a rollback are not known: {why}")),
        },
    );
    gate(None, "held", held(wave, known.holds));
    gates
}

/// Whether the gates hold that a cutover which was begun does not itself touch.
pub fn steady(gates: &[WaveGate]) -> bool {
    gates.iter().filter(|gate| STEADY.contains(&gate.gate.name)).all(|gate| gate.gate.holds)
}

/// Whether the day of a wave has come.
pub fn reached(wave: &Wave<'_>, now: Timestamp) -> bool {
    wave.begins().is_some_and(|begins| begins <= now)
}

fn date(wave: &Wave<'_>, now: Timestamp) -> (bool, String) {
    let (Some(day), Some(begins)) = (&wave.cutover, wave.begins()) else {
        return (false, "no `cutover` is set".to_owned());
    };
    let zones = wave.new_ones().filter_map(|new| new.kind.zone(&new.resource.spec));
    let zone = zones.into_iter().next().unwrap_or(TimeZone::UTC);
    let name = zone.iana_name().unwrap_or("UTC");
    let first = first_tick(wave, begins, &zone);
    if begins > now {
        (false, format!("not before {day} ({name}){first}"))
    } else {
        (true, format!("{day} ({name}), reached"))
    }
}

/// When the new DAGs run first from the day on, where that is not the day itself: no mistake, and good to know.
fn first_tick(wave: &Wave<'_>, begins: Timestamp, zone: &TimeZone) -> String {
    // A tick at the very beginning of the day is one of the day.
    let Ok(before) = begins.checked_sub(SignedDuration::from_secs(1)) else { return String::new() };
    let first = wave.new_ones().filter_map(|new| match new.kind.first_run_after(&new.resource.spec, before) {
        NextRun::Tick(tick) => Some(tick.at),
        NextRun::Never | NextRun::Unknown(_) => None,
    });
    let date = |at: Timestamp| at.to_zoned(zone.clone()).date();
    match first.min() {
        Some(at) if date(at) != date(begins) => {
            format!(", on which nothing is scheduled: the first tick after it is {}", minute(at))
        }
        Some(_) | None => String::new(),
    }
}

/// That the day was over already when it was committed: nobody could have seen what would happen on it.
pub fn committed_late(committed: Date, day: Date) -> Option<String> {
    (committed > day).then(|| {
        format!(
            "`cutover: {day}` was committed on {committed}, when the day was over: it is cut over by hand, with `plumb \
             migrate cutover`"
        )
    })
}

fn late(wave: &Wave<'_>, facts: &WaveFacts) -> Option<String> {
    let day = wave.day()?;
    let committed = wave.members.iter().filter_map(|m| facts.committed.get(&m.resource.address.to_string()));
    committed.max().and_then(|committed| committed_late(*committed, day))
}

/// Whether the last runs of the new pipeline were on time, one after the other: by the shortest deadline of its DAGs.
fn on_time(member: &WaveMember<'_>, wanted: u32, known: &WaveKnown<'_>) -> (bool, String) {
    let deadlines = member.new.iter().filter_map(|dag| sla::deadline_of(&dag.resource.spec));
    let shortest = deadlines.min_by_key(|(_, deadline)| *deadline);
    let name = member.resource.address.name.as_str();
    let verdict = sla::on_time(known.kept_runs, (known.target, name), shortest.as_ref(), wanted, known.now);
    (verdict.holds, verdict.says)
}

/// Whether the new pipeline was cheaper in every period of which both are priced.
fn cheaper(member: &WaveMember<'_>, known: &WaveKnown<'_>) -> (bool, String) {
    let prices = known.prices.as_ref().map(Option::as_ref).map_err(String::as_str);
    let told = is_cheaper(known.kept_runs, known.target, &member.resource.address.name, prices);
    (told.holds, told.says)
}

fn closed(edges: &[WaveEdge]) -> (bool, String) {
    let open: Vec<String> = edges.iter().filter(|edge| !edge.bridged).map(WaveEdge::words).collect();
    if !open.is_empty() {
        return (false, format!("tied to another wave, and no `bridges` says how that is bridged: {}", some(&open)));
    }
    let bridged = edges.len();
    let says = match bridged {
        0 => "nothing that the manifests tell ties it to another wave".to_owned(),
        1 => "1 tie to another wave, bridged".to_owned(),
        _ => format!("{bridged} ties to other waves, all bridged"),
    };
    (true, says)
}

fn deployed(undeployed: &[String]) -> (bool, String) {
    if undeployed.is_empty() {
        return (true, "its DAGs and jobs are live as the manifests have them".to_owned());
    }
    (false, some(undeployed))
}

fn quiet(known: &WaveKnown<'_>, is_reached: bool) -> (bool, String) {
    // From the day on, runs are not read of a wave that is cut over.
    let unread = if is_reached { "was not looked at" } else { "is looked at on the day" };
    let mut open = Vec::new();
    for state in known.states {
        let Ok(live) = &state.live else {
            open.push(format!("{} is not known", state.address()));
            continue;
        };
        match known.facts.runs.get(&live.id) {
            Some(Ok(runs)) => open
                .extend(runs.under_way.first().map(|run| format!("a run of {} is under way: {run}", state.address()))),
            Some(Err(why)) => {
                open.push(format!("whether a run of {} is under way is not known: {why}", state.address()))
            }
            None => open.push(format!("whether a run of {} is under way {unread}", state.address())),
        }
        open.extend(near(state, known.now));
    }
    if open.is_empty() {
        return (true, "no run is under way, and no tick is near".to_owned());
    }
    (false, some(&open))
}

/// That the next tick of a DAG is near, or has passed and its run is about to begin.
fn near(state: &WaveState<'_>, now: Timestamp) -> Option<String> {
    let live = state.live.as_ref().ok()?;
    match state.object.kind.next_run_of(live) {
        NextRun::Never => None,
        NextRun::Unknown(why) => Some(format!("when {} runs next is not known: {why}", state.address())),
        // Paused, it does not start: what becomes of the tick is for `noGap` to say.
        NextRun::Tick(tick) if tick.at <= now && state.is_paused() == Some(true) => None,
        NextRun::Tick(tick) if tick.at <= now => Some(format!("{} is about to start a run", state.address())),
        NextRun::Tick(tick) if tick.at.duration_since(now) < QUIET => {
            Some(format!("{} runs next at {}, in less than 30 minutes", state.address(), minute(tick.at)))
        }
        NextRun::Tick(_) => None,
    }
}

/// Whether the old DAGs are at rest: none of their runs is under way, and their next ticks are far enough off. What is not known
/// is no rest.
pub fn old_rests(known: &WaveKnown<'_>) -> bool {
    known.states.iter().filter(|state| !state.is_new).all(|state| {
        let Ok(live) = &state.live else { return false };
        let idle = matches!(known.facts.runs.get(&live.id), Some(Ok(runs)) if runs.under_way.is_empty());
        let far = match state.object.kind.next_run_of(live) {
            NextRun::Never => true,
            NextRun::Unknown(_) => false,
            NextRun::Tick(tick) => tick.at.duration_since(known.now) >= QUIET,
        };
        idle && far
    })
}

/// Whether the clock has started a run of a new DAG since the day.
pub fn new_ran(known: &WaveKnown<'_>) -> Option<bool> {
    let mut ran = Some(false);
    for state in known.states.iter().filter(|state| state.is_new) {
        let runs = state.live.as_ref().ok().and_then(|live| known.facts.runs.get(&live.id));
        match runs {
            Some(Ok(runs)) if !runs.scheduled.is_empty() => return Some(true),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => ran = None,
        }
    }
    ran
}

/// Whether somebody took this very cutover back.
pub fn hold_of(wave: &Wave<'_>, holds: &Holds) -> HoldState {
    let cutover = wave.cutover.as_deref().unwrap_or_default();
    match (holds.of(&wave.name, cutover), &holds.unread) {
        (Some(_), _) => HoldState::Held,
        (None, Some(_)) => HoldState::Unknown,
        (None, None) => HoldState::Free,
    }
}

fn held(wave: &Wave<'_>, holds: &Holds) -> (bool, String) {
    let cutover = wave.cutover.as_deref().unwrap_or_default();
    match (holds.of(&wave.name, cutover), &holds.unread) {
        (Some(hold), _) => (
            false,
            format!("rolled back by {} at {}: {}; a new `cutover` date lifts it", hold.by, hold.at, hold.reason),
        ),
        (None, Some(why)) => (false, format!("whether it was rolled back is not known: {why}")),
        (None, None) => (true, "nobody rolled this cutover back".to_owned()),
    }
}

/// An instant in words, in UTC.
pub(super) fn minute(at: Timestamp) -> String {
    let at: Zoned = at.to_zoned(TimeZone::UTC);
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The first few, and how many more there are.
fn some(all: &[String]) -> String {
    let mut named: Vec<String> = all.iter().take(MOST_NAMED).cloned().collect();
    if all.len() > named.len() {
        named.push(format!("{} more", all.len() - named.len()));
    }
    named.join("; ")
}
