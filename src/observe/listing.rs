//! Listings to [`Live`], page by page.
//!
//! A page is let go once its objects are taken out of it, and an object is kept small ([`plumb_core::plan::Compact`]). Only a
//! kind that joins several listings (a DAG's file, its row and its import errors) keeps their pages until all are there.

use super::nested::{self, NestedListing};
use super::scopes::Scopes;
use super::{ReadWatch, joined};
use crate::services::{self, PageReader, Services};
use plumb_core::kinds::reading::EachOnce;
use plumb_core::kinds::{Kind, Observed, Unreadable};
use plumb_core::plan::{Live, LiveObject};
use plumb_model::call::{Service, ServiceError};
use plumb_model::read::{Pages, Read};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How many pages may wait to be taken in, of all listings together.
const WAITING: usize = 2;

/// Decides on a listing that failed: to do without it, or not.
pub(super) type Tolerate<'a> = &'a mut (dyn FnMut(&'static dyn Kind, ServiceError) -> Result<(), ServiceError> + Send);

/// Does what can be done to an object while its page is there.
pub(super) type OfPage<'a> = &'a mut (dyn FnMut(&'static dyn Kind, &mut LiveObject) + Send);

/// What was read of a listing.
enum Part {
    /// A page that can be read by itself.
    Page(Value),
    /// One of several listings that are read together, by its place among them.
    Listing(usize, Pages),
    /// The objects of a kind whose listing takes two stages.
    Objects(NestedListing),
}

/// Reads the listings of the kinds. What of them cannot be read is kept as such: it is not absent.
pub(super) async fn list(
    services: &Services,
    kinds: &[&'static dyn Kind],
    scopes: &Scopes,
    watch: &dyn ReadWatch,
    tolerate: Tolerate<'_>,
    of_page: OfPage<'_>,
) -> Result<Live, ServiceError> {
    let mut found: BTreeMap<&'static str, EachOnce<LiveObject>> = BTreeMap::new();
    let mut joins: BTreeMap<&'static str, BTreeMap<usize, Pages>> = BTreeMap::new();
    let mut failed = BTreeSet::new();
    let mut missing = BTreeSet::new();
    let (send, mut parts) = mpsc::channel(WAITING);
    let mut listings = JoinSet::new();
    for kind in kinds.iter().copied() {
        found.entry(kind.name()).or_default();
        if let Some(listing) = kind.nested() {
            let (services, scope, send) = (services.clone(), scopes.get(kind), send.clone());
            listings.spawn(async move {
                let objects = nested::list(&services, kind, listing, &scope).await;
                let told = async |objects| send.send((kind, Part::Objects(objects))).await.map_err(drop);
                (
                    kind,
                    match objects {
                        Ok(objects) => {
                            // Nobody listens any more only when another listing has failed them all.
                            let _ = told(objects).await;
                            Ok(())
                        }
                        Err(fault) => Err(fault),
                    },
                )
            });
            continue;
        }
        let reads = kind.list();
        let is_alone = reads.len() == 1;
        for (index, read) in reads.into_iter().enumerate() {
            let service = services.for_system(read.call.system)?;
            let send = send.clone();
            listings.spawn(async move { (kind, one(service, &read, kind, (!is_alone).then_some(index), send).await) });
        }
    }
    drop(send);
    let mut take = |kind: &'static dyn Kind, all: Vec<Result<Observed, Unreadable>>| {
        watch.page(kind, all.len());
        let of_kind = found.entry(kind.name()).or_default();
        for seen in all {
            let object = seen.map(|seen| {
                let mut object = LiveObject::of(kind, seen);
                of_page(kind, &mut object);
                object.seen.pack(kind);
                object
            });
            let id = object.as_ref().ok().map(|object| object.seen.id.clone());
            of_kind.add(id.as_deref(), object);
        }
    };
    loop {
        tokio::select! {
            part = parts.recv() => match part {
                Some((kind, Part::Page(page))) => take(kind, kind.observe(&[vec![page]])),
                Some((kind, Part::Objects(listed))) => {
                    missing.extend(listed.missing);
                    take(kind, listed.objects);
                }
                Some((kind, Part::Listing(index, pages))) => {
                    joins.entry(kind.name()).or_default().insert(index, pages);
                }
                None => break,
            },
            Some(done) = listings.join_next() => failed.extend(ended(done, tolerate)?),
        }
    }
    while let Some(done) = listings.join_next().await {
        failed.extend(ended(done, tolerate)?);
    }
    for kind in kinds {
        if let Some(listed) = joins.remove(kind.name()) {
            let listed: Vec<Pages> = listed.into_values().collect();
            take(*kind, kind.observe(&listed));
        }
    }
    let mut live = Live { missing, ..Live::default() };
    for kind in kinds {
        let (mut objects, mut unreadable) = (Vec::new(), Vec::new());
        // What was taken in of a listing that failed later is no listing.
        let all = found.remove(kind.name()).filter(|_| !failed.contains(kind.name()));
        for one in all.unwrap_or_default().into_all() {
            match one {
                Ok(object) => objects.push(object),
                Err(why) => unreadable.push(why),
            }
        }
        // Listings are in no promised order; a plan is to be the same for the same workspace.
        objects.sort_by(|a, b| a.seen.id.cmp(&b.seen.id));
        watch.listed(*kind, objects.len() + unreadable.len());
        live.kinds.insert(kind.name(), objects);
        unreadable.into_iter().for_each(|one| live.cannot_read(*kind, one));
    }
    live.sort_unreadable();
    Ok(live)
}

/// The end of a listing, and of the kind that it was of.
type ListingEnd = Result<(&'static dyn Kind, Result<(), ServiceError>), tokio::task::JoinError>;

/// The name of the kind whose listing failed, if one did and it can be done without.
fn ended(done: ListingEnd, tolerate: Tolerate<'_>) -> Result<Option<&'static str>, ServiceError> {
    match joined(done)? {
        (_, Ok(())) => Ok(None),
        (kind, Err(fault)) => tolerate(kind, fault).map(|()| Some(kind.name())),
    }
}

/// Reads one listing and hands its parts on. `join` is its place where it is read together with others.
async fn one(
    service: Arc<dyn Service>,
    read: &Read,
    kind: &'static dyn Kind,
    join: Option<usize>,
    send: mpsc::Sender<(&'static dyn Kind, Part)>,
) -> Result<(), ServiceError> {
    // Nobody listens any more only when another listing has failed them all.
    match join {
        Some(index) => {
            let pages = services::read(&*service, read).await?;
            let _ = send.send((kind, Part::Listing(index, pages))).await;
        }
        None => {
            let mut pages = PageReader::new(&*service, read);
            while let Some(page) = pages.next().await? {
                let _ = send.send((kind, Part::Page(page))).await;
            }
        }
    }
    Ok(())
}
