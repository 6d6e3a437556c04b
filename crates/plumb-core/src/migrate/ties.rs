//! What ties pipelines together: clusters, DAGs and jobs that two of them have, and what one writes and another reads.

use super::manifests::BoardManifest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something that two pipelines have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
pub struct BoardTie {
    /// The one that writes, where one does; else the first by name.
    pub from: String,
    pub to: String,
    pub kind: TieKind,
    /// `EmrCluster/shared`, `s3://acme-curated/profiles`.
    pub what: String,
    /// Whether the two are of different waves: then it has to be bridged while only one of them is cut over.
    pub crosses: bool,
    /// How it is bridged, where a manifest says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bridge: Option<String>,
}

/// What sort of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TieKind {
    /// A manifest that both name.
    Shares,
    /// A place that one writes and the other reads.
    Data,
}

/// Every tie, each once.
pub fn ties(manifests: &[BoardManifest<'_>]) -> Vec<BoardTie> {
    let mut parts: BTreeMap<&str, Vec<&BoardManifest<'_>>> = BTreeMap::new();
    for one in manifests {
        let dags = [&one.spec.from.dags, &one.spec.to.dags].into_iter().flatten().flatten();
        for part in one.spec.from.emr.iter().chain(&one.spec.to.jobs).chain(dags) {
            parts.entry(part).or_default().push(one);
        }
    }
    let mut all = Vec::new();
    for (what, of) in parts {
        for (at, one) in of.iter().enumerate() {
            all.extend(of.iter().skip(at + 1).map(|other| tie(one, other, TieKind::Shares, what)));
        }
    }
    // Readers by the place itself and by each place above it, so that a writer needs no look at every reader.
    let mut readers: BTreeMap<String, Vec<(&BoardManifest<'_>, String)>> = BTreeMap::new();
    for one in manifests {
        for place in one.spec.reads.iter().flatten().map(|place| tidy(place)) {
            for above in ways_up(&place) {
                readers.entry(above.to_owned()).or_default().push((one, place.clone()));
            }
        }
    }
    for writer in manifests {
        for place in writer.spec.writes.iter().flatten().map(|place| tidy(place)) {
            let below = readers.get(&place).into_iter().flatten().map(|(reader, _)| *reader);
            let above = ways_up(&place).skip(1).filter_map(|above| readers.get(above));
            let above = above
                .flatten()
                .filter(|(_, read)| place.strip_prefix(read.as_str()).is_some_and(|r| r.starts_with('/')));
            for reader in below.chain(above.map(|(reader, _)| *reader)) {
                if reader.name() != writer.name() {
                    all.push(tie(writer, reader, TieKind::Data, &place));
                }
            }
        }
    }
    all.sort();
    all.dedup();
    all
}

fn tie(from: &BoardManifest<'_>, to: &BoardManifest<'_>, kind: TieKind, what: &str) -> BoardTie {
    let bridges = || [from, to].into_iter().flat_map(|one| one.spec.bridges.iter().flatten());
    let is_it = |bridge: &&String| {
        let named = tidy(bridge.split_once(": ").map_or(bridge.as_str(), |(named, _)| named));
        let within = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
        named == what || within(&named, what) || within(what, &named)
    };
    BoardTie {
        from: from.name().to_owned(),
        to: to.name().to_owned(),
        kind,
        what: what.to_owned(),
        crosses: from.wave() != to.wave(),
        bridge: bridges().find(is_it).cloned(),
    }
}

/// A place without what may be written in several ways.
fn tidy(place: &str) -> String {
    let place = place.trim().trim_end_matches(['/', '*']).trim_end_matches('/');
    let rest = ["s3a://", "s3n://"].iter().find_map(|scheme| place.strip_prefix(scheme));
    rest.map_or_else(|| place.to_owned(), |rest| format!("s3://{rest}"))
}

/// A place, and each place above it up to the bucket.
fn ways_up(place: &str) -> impl Iterator<Item = &str> {
    let top = place.find("://").map_or(place.len(), |at| at + 3);
    std::iter::successors(Some(place), move |place| {
        let (above, _) = place.get(top..)?.rsplit_once('/')?;
        place.get(..top + above.len())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_those_above_it() {
        let all: Vec<&str> = ways_up("s3://b/x/y").collect();
        assert_eq!(all, ["s3://b/x/y", "s3://b/x", "s3://b"]);
        assert_eq!(ways_up("main.curated.profiles").collect::<Vec<_>>(), ["main.curated.profiles"]);
        assert_eq!(tidy("s3a://b/x/*"), "s3://b/x");
    }
}
