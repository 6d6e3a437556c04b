//! A service that goes away in the middle of an apply: restarted, or behind a gateway that is.
//!
//! At the first request an address that does not answer is usually a wrong one, and the transport soon says so. In an
//! apply the service has answered before, so it is worth waiting for.

use crate::services::{
    Services,
    retry::{self, Attempts},
};
use bytes::Bytes;
use plumb_model::call::{Answer, ByteSink, Call, Sending, Service, ServiceError, System};
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

/// What goes with a call.
enum Cargo<'a> {
    None,
    Bytes(&'a Bytes),
    Sink(&'a mut dyn ByteSink),
}

impl Patient {
    async fn deliver(&self, call: &Call, mut cargo: Cargo<'_>) -> Result<Answer, ServiceError> {
        let begun = Instant::now();
        let mut pause = Duration::from_millis(500);
        let mut attempts = Attempts::default();
        loop {
            let came = match &mut cargo {
                Cargo::None => self.inner.send(call).await,
                Cargo::Bytes(body) => self.inner.send_bytes(call, body).await,
                Cargo::Sink(sink) => self.inner.receive(call, &mut **sink).await,
            };
            let fault = match came {
                Ok(answer) => return Ok(answer),
                Err(fault) => attempts.failed(call, fault),
            };
            if !retry::may_be_sent_again(call, &fault) || begun.elapsed() + pause > self.outage {
                return Err(fault);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Service for Patient {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(self.deliver(call, Cargo::None))
    }

    fn send_bytes<'a>(&'a self, call: &'a Call, body: &'a Bytes) -> Sending<'a> {
        Box::pin(self.deliver(call, Cargo::Bytes(body)))
    }

    fn receive<'a>(&'a self, call: &'a Call, sink: &'a mut dyn ByteSink) -> Sending<'a> {
        Box::pin(self.deliver(call, Cargo::Sink(sink)))
    }
}
