//! Listings in two stages: [`plumb_core::kinds::Nested`].
//!
//! Requests grow with the places that are looked into: one for each page of each. What a service refuses to show is an answer,
//! anything else that fails fails the listing.

use super::{WIDTH, is_refused, joined, refusal};
use crate::services::{self, Services};
use plumb_core::kinds::{Answered, AnsweredRead, Kind, NamedThing, Nested, Observed, Scope, Unreadable};
use plumb_model::call::ServiceError;
use plumb_model::read::Read;
use tokio::task::JoinSet;

/// What a listing in two stages found.
pub(super) struct NestedListing {
    /// The objects, and what of them could not be read.
    pub objects: Vec<Result<Observed, Unreadable>>,
    /// What is not there to look into.
    pub missing: Vec<NamedThing>,
}

/// The objects of a kind.
pub(super) async fn list(
    services: &Services,
    kind: &'static dyn Kind,
    listing: &'static dyn Nested,
    scope: &Scope,
) -> Result<NestedListing, ServiceError> {
    let first = ask(services, listing.first(scope)).await?;
    let mut then = ask(services, listing.then(scope, &first)).await?;
    then.extend(ask(services, listing.last(scope, &then)).await?);
    let objects = kind.legible(listing.parse(scope, &first, &then));
    Ok(NestedListing { objects, missing: listing.missing(&first, &then) })
}

/// Carries out the reads of a stage, several at the same time, and answers in the given order.
async fn ask(services: &Services, reads: Vec<Read>) -> Result<Vec<AnsweredRead>, ServiceError> {
    let mut told: Vec<Option<AnsweredRead>> = Vec::new();
    told.resize_with(reads.len(), || None);
    let mut running = JoinSet::new();
    let mut left = reads.into_iter().enumerate();
    loop {
        while running.len() < WIDTH
            && let Some((index, read)) = left.next()
        {
            let service = services.for_system(read.call.system)?;
            running.spawn(async move {
                let pages = services::read(&*service, &read).await;
                (index, read, pages)
            });
        }
        let Some(done) = running.join_next().await else { break };
        let (index, read, pages) = joined(done)?;
        let answer = match pages {
            Ok(pages) => Answered::Pages(pages),
            Err(fault) if fault.is_gone() => Answered::Gone,
            Err(fault) if is_refused(&fault) => Answered::Refused(refusal(fault)),
            Err(fault) => return Err(fault),
        };
        told[index] = Some(AnsweredRead { read, answer });
    }
    Ok(told.into_iter().flatten().collect())
}
