//! How many requests a host gets at once, and how fast.
//!
//! The limit grows by one for every limit's worth of good answers and is halved when the host says that it is too
//! much, as TCP does. Everybody waits in one line, so that a caller with many calls can't starve one with few.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
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

/// The limiter of one host.
pub struct RateLimiter {
    state: Mutex<RateLimiterState>,
    places: Semaphore,
    /// The time between two requests, where a rate was set.
    gap: Option<Duration>,
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
    pace: &'a RateLimiter,
    permit: Option<SemaphorePermit<'a>>,
    began: Instant,
}

impl RateLimiter {
    /// A limiter; `per_second` is the most requests a second, where somebody set it.
    pub fn new(per_second: Option<f64>) -> Self {
        let gap =
            per_second.filter(|rate| *rate > 0.0 && rate.is_finite()).map(|rate| Duration::from_secs_f64(1.0 / rate));
        let places = FIRST as usize;
        let state = RateLimiterState { limit: FIRST, places, not_before: None, halved: None };
        RateLimiter { state: Mutex::new(state), places: Semaphore::new(places), gap }
    }

    fn state(&self) -> MutexGuard<'_, RateLimiterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place, and until requests may be sent.
    pub async fn enter(&self) -> RequestPermit<'_> {
        // The semaphore is never closed; without a permit the request would only go unpaced.
        let permit = self.places.acquire().await.ok();
        loop {
            let now = Instant::now();
            let wait = {
                let mut state = self.state();
                match state.not_before {
                    Some(time) if time > now => time,
                    _ => {
                        if let Some(gap) = self.gap {
                            state.not_before = Some(now + gap);
                        }
                        return RequestPermit { pace: self, permit, began: now };
                    }
                }
            };
            sleep_until(wait).await;
        }
    }

    /// How many requests may be under way at once.
    pub fn limit(&self) -> usize {
        self.state().limit as usize
    }

    fn told(&self, began: Instant, went: RequestOutcome) {
        let mut state = self.state();
        match went {
            RequestOutcome::Otherwise => {}
            RequestOutcome::Well => {
                state.limit = (state.limit + 1.0 / state.limit).min(MOST);
                let missing = (state.limit as usize).saturating_sub(state.places);
                state.places += missing;
                self.places.add_permits(missing);
            }
            RequestOutcome::TooFast(asked) => {
                let now = Instant::now();
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
        self.pace.told(self.began, went);
    }
}

impl Drop for RequestPermit<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.state();
        if state.places > state.limit as usize
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            state.places -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    async fn one(pace: &RateLimiter, went: RequestOutcome) {
        pace.enter().await.leave(went);
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_grows_by_one_a_round_up_to_eight() {
        let pace = RateLimiter::new(None);
        assert_eq!(pace.limit(), 4);
        for _ in 0..5 {
            one(&pace, RequestOutcome::Well).await;
        }
        assert_eq!(pace.limit(), 5);
        for _ in 0..100 {
            one(&pace, RequestOutcome::Well).await;
        }
        assert_eq!((pace.limit(), pace.places.available_permits()), (8, 8));
    }

    #[tokio::test(start_paused = true)]
    async fn one_burst_of_refusals_halves_once() {
        let pace = RateLimiter::new(None);
        let burst = [pace.enter().await, pace.enter().await, pace.enter().await];
        tokio::time::advance(Duration::from_millis(5)).await;
        for pass in burst {
            pass.leave(RequestOutcome::TooFast(None));
        }
        assert_eq!((pace.limit(), pace.places.available_permits()), (2, 2));
        tokio::time::advance(Duration::from_millis(5)).await;
        one(&pace, RequestOutcome::TooFast(None)).await;
        tokio::time::advance(Duration::from_millis(5)).await;
        one(&pace, RequestOutcome::TooFast(None)).await;
        assert_eq!((pace.limit(), pace.places.available_permits()), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_waits_as_long_as_the_host_asked() {
        let pace = RateLimiter::new(None);
        let start = Instant::now();
        one(&pace, RequestOutcome::TooFast(Some(Duration::from_secs(7)))).await;
        one(&pace, RequestOutcome::Well).await;
        assert!(start.elapsed() >= Duration::from_secs(7));
        one(&pace, RequestOutcome::TooFast(Some(Duration::MAX))).await;
        one(&pace, RequestOutcome::Well).await;
        assert!(start.elapsed() < Duration::from_secs(80));
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_of_several_holds_counts_and_none_is_longer_than_a_minute() {
        for (asked, wanted) in [
            (&[30u64, 2][..], 30),
            (&[2, 30], 30),
            (&[30, 2, 5], 30),
            (&[1], 1),
            (&[60], 60),
            (&[3_600], 60),
            (&[3_600, 2], 60),
        ] {
            let pace = RateLimiter::new(None);
            let mut burst = Vec::new();
            for _ in asked {
                burst.push(pace.enter().await);
            }
            let start = Instant::now();
            for (pass, seconds) in burst.into_iter().zip(asked) {
                pass.leave(RequestOutcome::TooFast(Some(Duration::from_secs(*seconds))));
            }
            one(&pace, RequestOutcome::Well).await;
            assert_eq!(start.elapsed().as_secs(), wanted, "{asked:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_spaces_requests() {
        let pace = RateLimiter::new(Some(10.0));
        let start = Instant::now();
        for _ in 0..11 {
            one(&pace, RequestOutcome::Well).await;
        }
        assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
        assert!(start.elapsed() < Duration::from_millis(1100), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn never_more_at_once_than_the_limit_and_a_dropped_request_frees_its_place() {
        let pace = Arc::new(RateLimiter::new(None));
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = tokio::task::JoinSet::new();
        for i in 0..200u32 {
            let (pace, now, most) = (pace.clone(), now.clone(), most.clone());
            tasks.spawn(async move {
                let pass = pace.enter().await;
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                match i % 9 {
                    0 => drop(pass),
                    1 => pass.leave(RequestOutcome::TooFast(None)),
                    _ => pass.leave(RequestOutcome::Well),
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= 8);
        assert_eq!(pace.places.available_permits(), pace.state().places);
    }
}
