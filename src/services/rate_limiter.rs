//! How many requests a host gets at once, and how many a second.
//!
//! At once: the limit grows by one for every limit's worth of good answers and is halved when the host says that it is too
//! much, as TCP does. A second: each family of calls ([`plumb_model::limits`]) has its own turn every so often. A refusal
//! halves the rate at which the family was really sent; good answers bring it back in some ten seconds, slowly once it nears
//! where it was refused. A family that nothing limits gets a rate by its first refusal, and loses it again.

use plumb_model::call::Call;
use plumb_model::limits::Pace;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep_until},
};

/// At once, to begin with.
const FIRST: f64 = 4.0;
/// At once, at most. Databricks has been seen to refuse more than 20 (databrickslabs/ucx#401).
const MOST: f64 = 8.0;
/// The longest that a host may hold up everybody by one answer. Whoever comes after is told by the host itself.
const LONGEST_HOLD: Duration = Duration::from_secs(60);
/// Requests a second, at least, however often the host refuses.
const SLOWEST: f64 = 0.5;
/// By what part a rate grows in a second of good answers; around the rate that was refused, by a tenth of that.
const RECOVERY: f64 = 0.1;
/// What is around the rate that was refused.
const NEAR: std::ops::Range<f64> = 0.9..1.1;
/// What a family without a limit of its own was sent a second, at least, when it was first refused.
const UNMEASURED: f64 = 8.0;
/// How far above the refused rate a family without a limit of its own has none again.
const FORGIVEN: f64 = 4.0;
/// How many starts are remembered to tell how fast a family was sent.
const REMEMBERED: usize = 32;

/// The limiter of one host.
pub struct RateLimiter {
    pace: Pace,
    state: Mutex<RateLimiterState>,
    places: Semaphore,
}

struct RateLimiterState {
    /// How many at once; whole places are made of it.
    limit: f64,
    /// The places that exist: free ones and those in use.
    places: usize,
    /// No request begins before.
    not_before: Option<Instant>,
    /// When the limit was last halved. Requests that began before it say nothing about the new limit.
    halved: Option<Instant>,
    /// A few: the families that were asked for.
    families: Vec<Family>,
}

/// The turns of the calls that the host counts together.
struct Family {
    name: &'static str,
    /// The most a second, where there is a limit.
    top: Option<f64>,
    /// How many a second now; `None` when nothing holds them.
    rate: Option<f64>,
    /// How many a second were refused last.
    refused: f64,
    /// The last turn.
    last: Option<Instant>,
    /// Held by who is in front of the line.
    line: Arc<tokio::sync::Mutex<()>>,
    /// When the rate was last halved.
    halved: Option<Instant>,
    /// The latest starts, the oldest first.
    starts: VecDeque<Instant>,
}

impl Family {
    /// The next turn that is no sooner than a time.
    fn next(&self, from: Instant) -> Instant {
        let gap = self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        self.last.map_or(from, |last| from.max(last + gap))
    }

    fn started(&mut self, now: Instant) {
        if self.starts.len() == REMEMBERED {
            self.starts.pop_front();
        }
        self.starts.push_back(now);
    }

    /// How many a second were sent lately.
    fn measured(&self, now: Instant) -> f64 {
        let second = Duration::from_secs(1);
        let lately = self.starts.iter().filter(|start| now.saturating_duration_since(**start) < second);
        match (self.starts.len(), self.starts.front()) {
            // Faster than can be remembered: the time that they took tells.
            (REMEMBERED, Some(first)) if now.saturating_duration_since(*first) < second => {
                REMEMBERED as f64 / now.saturating_duration_since(*first).as_secs_f64().max(0.001)
            }
            _ => lately.count() as f64,
        }
    }

    /// Takes in a refusal of a request that began at a time. One from before the rate was last halved says nothing about the
    /// new rate.
    fn refuse(&mut self, began: Instant, now: Instant) {
        if self.halved.is_some_and(|halved| began < halved) {
            return;
        }
        self.halved = Some(now);
        self.refused = self.rate.unwrap_or_else(|| self.measured(now).max(UNMEASURED));
        self.rate = Some((self.refused / 2.0).max(SLOWEST.min(self.refused)));
        // The next turn is a whole gap away.
        self.last = Some(now);
    }

    fn answer(&mut self) {
        let Some(rate) = self.rate else { return };
        if self.top.is_some_and(|top| rate >= top) {
            return;
        }
        // In one second there are `rate` answers.
        let more = if rate < self.refused * NEAR.start {
            rate + self.refused * RECOVERY / rate
        } else if rate < self.refused * NEAR.end {
            rate + self.refused * RECOVERY / 10.0 / rate
        } else {
            rate + RECOVERY
        };
        self.rate = match self.top {
            Some(top) => Some(more.min(top)),
            None => Some(more).filter(|more| *more < self.refused * FORGIVEN),
        };
    }
}

/// How a request went, as far as pace goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RequestOutcome {
    /// It was answered.
    Well,
    /// The host has too much to do, and may have said how long to wait.
    TooFast(Option<Duration>),
    /// It says nothing about the pace.
    Otherwise,
}

/// A place in the line's front. Dropping it frees the place.
pub struct RequestPermit<'a> {
    limiter: &'a RateLimiter,
    permit: Option<SemaphorePermit<'a>>,
    began: Instant,
    family: usize,
}

impl RateLimiter {
    /// A limiter that sends at this pace.
    pub fn new(pace: Pace) -> Self {
        let places = FIRST as usize;
        let state = RateLimiterState { limit: FIRST, places, not_before: None, halved: None, families: Vec::new() };
        RateLimiter { pace, state: Mutex::new(state), places: Semaphore::new(places) }
    }

    fn state(&self) -> MutexGuard<'_, RateLimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn of a call and for a place, and until requests may be sent.
    pub async fn enter(&self, call: &Call) -> RequestPermit<'_> {
        let family = self.family(call);
        loop {
            // First its turn: who waits for one must not hold a place that another family could use.
            self.turn(family).await;
            // The semaphore is never closed; without a permit the request would only go unpaced.
            let permit = self.places.acquire().await.ok();
            let now = Instant::now();
            let permit = RequestPermit { limiter: self, permit, began: now, family };
            // The host may have asked for a rest meanwhile: then everybody gets a new turn.
            let mut state = self.state();
            if state.not_before.is_none_or(|time| time <= now) {
                state.families[family].started(now);
                return permit;
            }
            // Dropping the permit takes the lock.
            drop(state);
        }
    }

    /// Waits for the next turn of a family. Everybody waits in one line, and only who is in front looks at the rate: it is the
    /// one of now, not that of when the line was entered.
    async fn turn(&self, family: usize) {
        let line = self.state().families[family].line.clone();
        let _front = line.lock().await;
        loop {
            let now = Instant::now();
            let turn = {
                let mut state = self.state();
                let from = state.not_before.map_or(now, |time| time.max(now));
                let family = &mut state.families[family];
                let turn = family.next(from);
                if turn <= now {
                    family.last = Some(turn);
                    return;
                }
                turn
            };
            sleep_until(turn).await;
        }
    }

    /// Where the family of a call is among [`RateLimiterState::families`].
    fn family(&self, call: &Call) -> usize {
        let (name, top) = self.pace.rate(call).map_or(("", None), |(name, rate)| (name, Some(rate)));
        let families = &mut self.state().families;
        families.iter().position(|family| family.name == name).unwrap_or_else(|| {
            let (refused, line, starts) = (f64::INFINITY, Arc::default(), VecDeque::new());
            families.push(Family { name, top, rate: top, refused, last: None, line, halved: None, starts });
            families.len() - 1
        })
    }

    /// How many requests may be under way at once.
    pub fn limit(&self) -> usize {
        self.state().limit as usize
    }

    fn told(&self, began: Instant, family: usize, went: RequestOutcome) {
        let mut state = self.state();
        match went {
            RequestOutcome::Otherwise => {}
            RequestOutcome::Well => {
                state.families[family].answer();
                state.limit = (state.limit + 1.0 / state.limit).min(MOST);
                let missing = (state.limit as usize).saturating_sub(state.places);
                state.places += missing;
                self.places.add_permits(missing);
            }
            RequestOutcome::TooFast(asked) => {
                let now = Instant::now();
                state.families[family].refuse(began, now);
                if state.halved.is_none_or(|halved| began >= halved) {
                    state.limit = (state.limit / 2.0).max(1.0);
                    state.halved = Some(now);
                    // Free places go at once; those in use when they come back.
                    while state.places > state.limit as usize {
                        let Ok(free) = self.places.try_acquire() else { break };
                        free.forget();
                        state.places -= 1;
                    }
                }
                if let Some(asked) = asked {
                    state.not_before = state.not_before.max(Some(now + asked.min(LONGEST_HOLD)));
                }
            }
        }
    }
}

impl RequestPermit<'_> {
    /// Frees the place and says how the request went.
    pub fn leave(self, went: RequestOutcome) {
        self.limiter.told(self.began, self.family, went);
    }
}

impl Drop for RequestPermit<'_> {
    fn drop(&mut self) {
        let mut state = self.limiter.state();
        if state.places > state.limit as usize
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            state.places -= 1;
        }
    }
}

#[cfg(test)]
#[path = "rate_limiter_tests.rs"]
mod tests;
