use super::*;
use plumb_model::call::{Method, System};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};

fn read() -> Call {
    Call::get(System::Databricks, "/api/2.2/jobs/list")
}

async fn one(pace: &RateLimiter, went: RequestOutcome) {
    pace.enter(&read()).await.leave(went);
}

#[tokio::test(start_paused = true)]
async fn the_limit_grows_by_one_a_round_up_to_eight() {
    let pace = RateLimiter::new(Pace::None);
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
    let pace = RateLimiter::new(Pace::None);
    let burst = [pace.enter(&read()).await, pace.enter(&read()).await, pace.enter(&read()).await];
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
    let pace = RateLimiter::new(Pace::None);
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
        let pace = RateLimiter::new(Pace::None);
        let mut burst = Vec::new();
        for _ in asked {
            burst.push(pace.enter(&read()).await);
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
    let pace = RateLimiter::new(Pace::PerSecond(10.0));
    let start = Instant::now();
    for _ in 0..11 {
        one(&pace, RequestOutcome::Well).await;
    }
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_millis(1100), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn never_more_at_once_than_the_limit_and_a_dropped_request_frees_its_place() {
    let pace = Arc::new(RateLimiter::new(Pace::None));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..200u32 {
        let (pace, now, most) = (pace.clone(), now.clone(), most.clone());
        tasks.spawn(async move {
            let pass = pace.enter(&read()).await;
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

fn create() -> Call {
    Call::create(System::Databricks, "/api/2.2/jobs/create", Value::Null, "/job_id")
}

fn reset() -> Call {
    Call::set(System::Databricks, Method::Post, "/api/2.2/jobs/reset", Value::Null)
}

#[tokio::test(start_paused = true)]
async fn each_family_has_its_own_turns() {
    let pace = RateLimiter::new(Pace::Normal);
    let start = Instant::now();
    for _ in 0..41 {
        pace.enter(&create()).await.leave(RequestOutcome::Well);
    }
    assert_eq!(start.elapsed().as_millis(), 2_000, "20 creates a second");
    for _ in 0..21 {
        pace.enter(&reset()).await.leave(RequestOutcome::Well);
    }
    assert_eq!(start.elapsed().as_millis(), 3_000, "other writes are not counted with them");
    for _ in 0..51 {
        pace.enter(&read()).await.leave(RequestOutcome::Well);
    }
    assert_eq!(start.elapsed().as_millis(), 3_500, "100 reads a second");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_its_turn_holds_no_place() {
    // Many creates wait; the reads of the same host are served meanwhile.
    let free = Arc::new(RateLimiter::new(Pace::Normal));
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let free = free.clone();
        waiting.spawn(async move { free.enter(&create()).await.leave(RequestOutcome::Well) });
    }
    tokio::task::yield_now().await;
    let start = Instant::now();
    for _ in 0..10 {
        free.enter(&read()).await.leave(RequestOutcome::Well);
    }
    assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
}

/// Sends `count` calls in eight lines to a host that takes `rate` a second, with a bucket of as many, and says when it
/// has no more. Answers how long it took and how many it refused.
async fn against(pace: Pace, call: Call, count: usize, rate: f64, asks: Option<Duration>) -> (f64, usize) {
    let limiter = Arc::new(RateLimiter::new(pace));
    let host = Arc::new(Mutex::new((rate, Instant::now())));
    let (left, refused) = (Arc::new(AtomicUsize::new(count)), Arc::new(AtomicUsize::new(0)));
    let start = Instant::now();
    let mut lines = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (limiter, host, call) = (limiter.clone(), host.clone(), call.clone());
        let (left, refused) = (left.clone(), refused.clone());
        lines.spawn(async move {
            while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                loop {
                    let pass = limiter.enter(&call).await;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    let taken = {
                        let mut bucket = host.lock().unwrap();
                        let now = Instant::now();
                        bucket.0 = (bucket.0 + rate * (now - bucket.1).as_secs_f64()).min(rate);
                        bucket.1 = now;
                        let taken = bucket.0 >= 1.0;
                        bucket.0 -= if taken { 1.0 } else { 0.0 };
                        taken
                    };
                    if taken {
                        pass.leave(RequestOutcome::Well);
                        break;
                    }
                    refused.fetch_add(1, Ordering::SeqCst);
                    pass.leave(RequestOutcome::TooFast(asks));
                    tokio::time::sleep(asks.unwrap_or(Duration::from_millis(500))).await;
                }
            }
        });
    }
    while let Some(done) = lines.join_next().await {
        done.unwrap();
    }
    (start.elapsed().as_secs_f64(), refused.load(Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn a_host_that_keeps_to_its_documentation_refuses_nothing() {
    let (seconds, refused) = against(Pace::Normal, create(), 300, 20.0, Some(Duration::from_secs(1))).await;
    assert_eq!(refused, 0);
    assert!((14.9..15.5).contains(&seconds), "{seconds}");
}

#[tokio::test(start_paused = true)]
async fn a_slower_host_refuses_few_and_is_used_well() {
    let mut told = Vec::new();
    for (pace, rate, asks) in [
        (Pace::Normal, 5.0, Some(Duration::from_secs(1))),
        (Pace::Normal, 5.0, None),
        (Pace::None, 5.0, Some(Duration::from_secs(1))),
        (Pace::None, 50.0, None),
        (Pace::PerSecond(100.0), 10.0, Some(Duration::from_secs(2))),
    ] {
        let (seconds, refused) = against(pace, create(), 300, rate, asks).await;
        let least = 300.0 / rate;
        let line = format!("{pace:?} at {rate}: {refused} of 300 were refused in {seconds:.1} s");
        told.push((refused <= 30 && seconds < least * 1.5, line));
    }
    assert!(told.iter().all(|(fine, _)| *fine), "{told:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_forgotten_after_a_while() {
    for (pace, call, wanted) in [(Pace::Normal, create(), Some(20.0)), (Pace::None, read(), None)] {
        let limiter = RateLimiter::new(pace);
        limiter.enter(&call).await.leave(RequestOutcome::TooFast(None));
        let slowed = limiter.state().families[0].rate.unwrap();
        assert!(slowed <= 10.0, "{slowed}");
        let start = Instant::now();
        while limiter.state().families[0].rate != wanted {
            limiter.enter(&call).await.leave(RequestOutcome::Well);
            assert!(start.elapsed() < Duration::from_secs(60), "{:?}", limiter.state().families[0].rate);
        }
        assert!(start.elapsed() > Duration::from_secs(3), "{:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_always_refuses_is_still_asked() {
    let limiter = RateLimiter::new(Pace::Normal);
    for _ in 0..20 {
        tokio::time::advance(Duration::from_secs(1)).await;
        limiter.enter(&create()).await.leave(RequestOutcome::TooFast(None));
    }
    assert_eq!(limiter.state().families[0].rate, Some(SLOWEST));
    let limiter = RateLimiter::new(Pace::PerSecond(0.1));
    limiter.enter(&create()).await.leave(RequestOutcome::TooFast(None));
    assert_eq!(limiter.state().families[0].rate, Some(0.1), "never faster for a refusal");
}

#[tokio::test(start_paused = true)]
async fn hosts_do_not_slow_each_other_down() {
    let (slow, fast) = (RateLimiter::new(Pace::Normal), RateLimiter::new(Pace::Normal));
    one(&slow, RequestOutcome::TooFast(Some(Duration::from_secs(30)))).await;
    let start = Instant::now();
    one(&fast, RequestOutcome::Well).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    one(&slow, RequestOutcome::Well).await;
    assert_eq!(start.elapsed().as_secs(), 30);
}
