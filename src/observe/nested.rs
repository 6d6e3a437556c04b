//! Listings in two stages: [`plumb_core::kinds::Nested`].
//!
//! Requests grow with the places that are looked into: one for each page of each. What a service refuses to show is an answer,
//! anything else that fails fails the listing.

use super::{is_refused, read_each, refusal};
use crate::services::Services;
use plumb_core::kinds::{Answered, AnsweredRead, Kind, NamedThing, Nested, Observed, Scope, Unreadable};
use plumb_model::call::ServiceError;
use plumb_model::read::Read;

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

/// Carries out the reads of a stage.
async fn ask(services: &Services, reads: Vec<Read>) -> Result<Vec<AnsweredRead>, ServiceError> {
    let answers = read_each(services, reads.clone(), &|pages| match pages {
        Ok(pages) => Ok(Answered::Pages(pages)),
        Err(fault) if fault.is_gone() => Ok(Answered::Gone),
        Err(fault) if is_refused(&fault) => Ok(Answered::Refused(refusal(fault))),
        Err(fault) => Err(fault),
    });
    let told = reads.into_iter().zip(answers.await?);
    Ok(told.map(|(read, answer)| AnsweredRead { read, answer }).collect())
}
