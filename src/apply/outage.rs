//! A service that goes away in the middle of an apply: restarted, or behind a gateway that is.
//!
//! At the first request an address that does not answer is usually a wrong one, and the transport soon says so. In an
//! apply the service has answered before, so it is worth waiting for.

use crate::services::{
    Services,
    retry::{self, Attempts},
};
use plumb_model::call::{Call, Sending, Service, System};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

struct Patient {
    inner: Arc<dyn Service>,
    outage: Duration,
}

/// The same services; those behind a network are waited for when they go away, for as long as `outage`.
pub(super) fn waited_out(services: &Services, outage: Duration) -> Services {
    services.clone().wrapped(|system, inner| match system {
        // A folder that cannot be read now will not be any better later.
        System::DagFiles => inner,
        System::Databricks | System::Airflow | System::Emr | System::GitHub => Arc::new(Patient { inner, outage }),
    })
}

impl Service for Patient {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let begun = Instant::now();
            let mut pause = Duration::from_millis(500);
            let mut attempts = Attempts::default();
            loop {
                let fault = match self.inner.send(call).await {
                    Ok(answer) => return Ok(answer),
                    Err(fault) => attempts.failed(call, fault),
                };
                if !retry::may_be_sent_again(call, &fault) || begun.elapsed() + pause > self.outage {
                    return Err(fault);
                }
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        })
    }
}
