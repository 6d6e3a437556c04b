//! When everything that is scheduled runs next, by the manifests: the days that a page shows, without a word of HTML.

use super::PageFacts;
use crate::cutover::{Standing, WAVE, WaveSide, waves};
use crate::kinds::{StartClock, StartRule, StartTimes};
use crate::plan::Action;
use crate::plan::secrets::Numbers;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use plumb_model::address::Address;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// How far the calendar looks.
pub(super) const DAYS: i64 = 31;
/// What starts more often within these days is not told start by start: four a day.
const MOST_STARTS: usize = 124;

/// Everything that is scheduled, and when.
pub(super) struct PlanCalendar {
    /// The zone of its days: that of most clocks.
    pub zone: TimeZone,
    pub zone_name: String,
    /// The first day, and the last.
    pub first: Date,
    pub last: Date,
    /// What a clock starts, in the order of the next starts; what is paused or has none comes last.
    pub rows: Vec<CalendarRow>,
    /// What no clock starts, or nobody knows when.
    pub others: Vec<TimelessRow>,
}

/// A clock of a resource.
pub(super) struct CalendarRow {
    pub address: Address,
    /// The expression.
    pub says: String,
    pub zone: String,
    /// Why it starts nothing now; `None` where it does.
    pub paused: Option<String>,
    /// Its next starts, in its own zone.
    pub starts: Rc<ClockStarts>,
}

/// Something that starts runs at no time that is known.
pub(super) struct TimelessRow {
    pub address: Address,
    pub says: String,
    pub paused: Option<String>,
    /// Why its times are not known; `None` where it has none.
    pub unknown: Option<String>,
}

/// The starts of a clock within the days.
#[derive(Default)]
pub(super) struct ClockStarts {
    /// All of them, or the first where they are often.
    pub times: Vec<Zoned>,
    /// Whether there are more than are told start by start.
    pub is_often: bool,
}

impl ClockStarts {
    fn of(clock: &StartClock, now: Timestamp, end: Timestamp) -> ClockStarts {
        let mut starts = ClockStarts::default();
        let mut at = now;
        // A clock that does not move on would never end.
        while let Some(next) = clock.next(at).filter(|next| next.timestamp() > at && next.timestamp() <= end) {
            if starts.times.len() == MOST_STARTS {
                starts.times.truncate(1);
                starts.is_often = true;
                break;
            }
            at = next.timestamp();
            starts.times.push(next);
        }
        starts
    }

    /// The first start after clocks were changed, if one is told.
    pub fn clocks_change(&self) -> Option<&Zoned> {
        let first = self.times.first()?.offset();
        self.times.iter().find(|time| time.offset() != first)
    }
}

/// What is known of a DAG of a wave: on which side of its cutover it will be.
enum WaveRest {
    On,
    Rests(String),
    Unknown(String),
}

/// The calendar of the manifests, once the plan is applied.
pub(super) fn calendar(page: &PageFacts<'_>) -> PlanCalendar {
    let end = page.now.saturating_add(SignedDuration::from_hours(24 * DAYS)).unwrap_or(Timestamp::MAX);
    let mut known: HashMap<String, Rc<ClockStarts>> = HashMap::new();
    let (mut rows, mut others) = (Vec::new(), Vec::new());
    let mut zones: BTreeMap<String, (usize, TimeZone)> = BTreeMap::new();
    let of_waves = of_waves(page);
    for resource in &page.desired.resources {
        for StartRule { says, is_paused, when } in resource.kind.starts(&resource.spec.read()) {
            let address = resource.address.clone();
            // An expression or a place may hold what the environment keeps secret.
            let says = Numbers::default().show_text(&says);
            let mut paused = is_paused.then(|| "paused".to_owned());
            let when = match of_waves.get(&address) {
                Some(WaveRest::On) => {
                    paused = None;
                    when
                }
                Some(WaveRest::Rests(why)) => {
                    paused = Some(why.clone());
                    when
                }
                Some(WaveRest::Unknown(why)) => StartTimes::Unknown(why.clone()),
                None => when,
            };
            match when {
                StartTimes::Clock(clock) => {
                    let starts = known
                        .entry(clock.key.clone())
                        .or_insert_with(|| Rc::new(ClockStarts::of(&clock, page.now, end)))
                        .clone();
                    let zone = clock.zone.iana_name().unwrap_or("UTC").to_owned();
                    zones.entry(zone.clone()).or_insert_with(|| (0, clock.zone.clone())).0 += 1;
                    rows.push(CalendarRow { address, says, zone, paused, starts });
                }
                StartTimes::NoTime => others.push(TimelessRow { address, says, paused, unknown: None }),
                StartTimes::Unknown(why) => {
                    others.push(TimelessRow { address, says, paused, unknown: Some(why) });
                }
            }
        }
    }
    rows.sort_by_key(|row| {
        let next = row.starts.times.first().map(Zoned::timestamp);
        (row.paused.is_some(), next.is_none(), next, row.address.clone())
    });
    // Of two zones with as many clocks the first by name.
    let most = zones.into_iter().rev().max_by_key(|(_, (count, _))| *count);
    let (zone_name, zone) = most.map_or_else(|| ("UTC".to_owned(), TimeZone::UTC), |(name, (_, zone))| (name, zone));
    let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
    PlanCalendar { first: day(page.now), last: day(end), zone_name, rows, others, zone: zone.clone() }
}

/// The DAGs of waves with a day, each with the side that it will be on.
fn of_waves(page: &PageFacts<'_>) -> BTreeMap<Address, WaveRest> {
    let mut found = BTreeMap::new();
    let plan = page.plan;
    let pending: BTreeMap<&str, Standing> =
        plan.cutovers.iter().map(|one| (one.address.name.as_str(), one.standing)).collect();
    let flipped: BTreeMap<&str, Action> = plan
        .changes
        .iter()
        .filter(|change| change.address.kind == WAVE)
        .map(|change| (change.address.name.as_str(), change.action))
        .collect();
    for wave in waves(page.desired).into_iter().filter(|wave| wave.cutover.is_some()) {
        // In development mode everything rests, as the manifests say already.
        if page.desired.developer.is_some() {
            break;
        }
        let side = match (flipped.get(wave.name.as_str()), pending.get(wave.name.as_str())) {
            (Some(Action::Rollback), _) => Some(WaveSide::Before),
            (Some(_), _) => Some(WaveSide::After),
            (None, Some(Standing::Old)) => Some(WaveSide::Before),
            (None, Some(Standing::New)) => Some(WaveSide::After),
            (None, Some(Standing::Between | Standing::Unknown)) => None,
            // Of a whole plan it is known that nothing is pending.
            (None, None) => plan.partial.is_none().then_some(WaveSide::After),
        };
        let rest = |rests: bool, why: &str| match side {
            None => WaveRest::Unknown(format!("where {} stands is not known", wave.address())),
            Some(_) if rests => WaveRest::Rests(format!("paused {why} {} is cut over", wave.address())),
            Some(_) => WaveRest::On,
        };
        for object in wave.new_ones() {
            found.insert(object.resource.address.clone(), rest(side == Some(WaveSide::Before), "until"));
        }
        // The old ones run as their manifests say until then.
        for object in wave.old().filter(|_| side != Some(WaveSide::Before)) {
            found.insert(object.resource.address.clone(), rest(true, "since"));
        }
    }
    found
}
