//! How fast services are asked, against a server of this test's own that counts by a token bucket.

use crate::server::{Reply, Server};
use plumb::services::Databricks;
use plumb::services::databricks::{DatabricksConfig, DatabricksSettings};
use plumb::services::retry::Policy;
use plumb_model::call::{Call, Service, System};
use plumb_model::limits::Pace;
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The server takes so many a second, and has a bucket of a tenth of that.
const RATE: f64 = 150.0;

const PATIENT: Policy = Policy {
    first: Duration::from_millis(50),
    longest: Duration::from_millis(200),
    total: Duration::from_secs(60),
    unanswered: 4,
};

struct Bucket {
    tokens: f64,
    at: Instant,
    created: usize,
    refused: usize,
}

impl Bucket {
    fn take(&mut self) -> bool {
        let now = Instant::now();
        self.tokens = (self.tokens + RATE * (now - self.at).as_secs_f64()).min(RATE / 10.0);
        self.at = now;
        let taken = self.tokens >= 1.0;
        if taken {
            self.tokens -= 1.0;
            self.created += 1;
        } else {
            self.refused += 1;
        }
        taken
    }
}

fn connect(url: &str, pace: Option<Pace>) -> Databricks {
    let env = |name: &str| match name {
        "DATABRICKS_HOST" => Some(url.to_owned()),
        "DATABRICKS_TOKEN" => Some("t".to_owned()),
        _ => None,
    };
    let config = DatabricksConfig::resolve(&env, None, DatabricksSettings::default()).unwrap();
    Databricks::with(DatabricksConfig { pace, ..config }, PATIENT, Box::new(|| 0.5)).unwrap()
}

/// Creates 300 jobs in eight lines; answers how many the server made and how many it refused.
async fn creates(pace: Option<Pace>) -> (usize, usize) {
    let bucket = Arc::new(Mutex::new(Bucket { tokens: RATE / 10.0, at: Instant::now(), created: 0, refused: 0 }));
    let held = bucket.clone();
    let server = Server::start(move |_, _| {
        let mut bucket = held.lock().unwrap();
        if bucket.take() { Reply::json(json!({ "job_id": bucket.created })) } else { Reply::text(429, "{}") }
    });
    let service = Arc::new(connect(&server.url, pace));
    let mut lines = tokio::task::JoinSet::new();
    for line in 0..8usize {
        let service = service.clone();
        lines.spawn(async move {
            for n in (line..300).step_by(8) {
                let body = json!({ "name": n });
                let call = Call::create(System::Databricks, "/api/2.2/jobs/create", body, "/job_id");
                service.send(&call).await.unwrap_or_else(|fault| panic!("{n}: {fault}"));
            }
        });
    }
    lines.join_all().await;
    let bucket = bucket.lock().unwrap();
    (bucket.created, bucket.refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_counts_refuses_few_and_no_create_fails_or_is_made_twice() {
    // Within its limit; above it, so that it has to be found out; and without one, as a server of one's own is asked.
    for (pace, most) in [(Some(Pace::PerSecond(100.0)), 3), (Some(Pace::PerSecond(400.0)), 45), (None, 60)] {
        let (created, refused) = creates(pace).await;
        assert_eq!(created, 300, "{pace:?}");
        assert!(refused <= most, "{pace:?}: {refused} of 300 were refused");
    }
}
