//! What ties migrations together, as far as the manifests tell: clusters, DAGs and jobs that both have, and what one reads and
//! the other writes.

use super::migration::MigrationSpec;
use plumb_model::address::Address;

/// Something that ties migrations of two waves together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaveEdge {
    /// The migration of the wave that was asked about.
    pub inside: Address,
    pub outside: Address,
    /// What both have: `EmrCluster/shared`, `s3://acme-curated/profiles`.
    pub what: String,
    pub tie: WaveTie,
    /// Where it stands in the manifest inside: `reads[0]`.
    pub path: String,
    /// Where it stands in the other one.
    pub other_path: String,
    /// Whether one of the two says how it is bridged.
    pub bridged: bool,
}

/// How something ties two migrations together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaveTie {
    /// Both use it.
    Shares,
    /// The one inside reads what the other writes.
    Reads,
    /// The one inside writes what the other reads.
    Writes,
}

/// A migration, by its address.
pub type Tied<'m> = (&'m Address, &'m MigrationSpec);

/// What ties migrations to others, in order. Nothing is known but what the manifests tell.
pub fn ties(inside: &[Tied<'_>], outside: &[Tied<'_>]) -> Vec<WaveEdge> {
    let mut edges = Vec::new();
    for one in inside {
        for other in outside {
            between(*one, *other, &mut edges);
        }
    }
    edges
}

fn between(inside: Tied<'_>, outside: Tied<'_>, edges: &mut Vec<WaveEdge>) {
    let mut add = |what: &str, tie: WaveTie, path: String, other_path: String| {
        let bridged = [inside, outside].iter().any(|one| bridges(one.1).any(|bridge| touch(bridge, what)));
        edges.push(WaveEdge {
            inside: inside.0.clone(),
            outside: outside.0.clone(),
            what: what.to_owned(),
            tie,
            path,
            other_path,
            bridged,
        });
    };
    for (address, path) in parts(inside.1) {
        if let Some((_, other)) = parts(outside.1).into_iter().find(|(other, _)| *other == address) {
            add(address, WaveTie::Shares, path, other);
        }
    }
    for (tie, mine, theirs, names) in [
        (WaveTie::Reads, &inside.1.reads, &outside.1.writes, ("reads", "writes")),
        (WaveTie::Writes, &inside.1.writes, &outside.1.reads, ("writes", "reads")),
    ] {
        for (i, place) in mine.iter().flatten().enumerate() {
            if let Some(j) = theirs.iter().flatten().position(|other| touch(place, other)) {
                add(place, tie, format!("{}[{i}]", names.0), format!("{}[{j}]", names.1));
            }
        }
    }
}

/// The manifests that a migration is made of, and where it names each.
fn parts(spec: &MigrationSpec) -> Vec<(&str, String)> {
    let lists = [
        ("from.emr", spec.from.emr.as_slice()),
        ("from.dags", spec.from.dags.as_deref().unwrap_or_default()),
        ("to.jobs", spec.to.jobs.as_slice()),
        ("to.dags", spec.to.dags.as_deref().unwrap_or_default()),
    ];
    let mut parts = Vec::new();
    for (path, list) in lists {
        parts.extend(list.iter().enumerate().map(|(i, address)| (address.as_str(), format!("{path}[{i}]"))));
    }
    parts
}

/// What a migration says is bridged, in the order of its entries.
pub fn bridges(spec: &MigrationSpec) -> impl Iterator<Item = &str> {
    spec.bridges.iter().flatten().map(|text| bridged(text))
}

/// What an entry of `bridges` is about: what stands before its `: `.
fn bridged(text: &str) -> &str {
    text.split_once(": ").map_or(text, |(what, _)| what).trim()
}

/// Whether two places are the same, or one is in the other: `s3://acme/a` and `s3://acme/a/b`, not `s3://acme/ab`. Tables are
/// equal or not.
pub fn touch(a: &str, b: &str) -> bool {
    let tidy = |place: &str| {
        // Hadoop's names for the same store.
        let place = place.trim().trim_end_matches(['/', '*']).trim_end_matches('/');
        ["s3a://", "s3n://"]
            .iter()
            .find_map(|scheme| place.strip_prefix(scheme))
            .map_or_else(|| place.to_owned(), |rest| format!("s3://{rest}"))
    };
    let (a, b) = (tidy(a), tidy(b));
    let within = |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
    let is_place = |text: &str| text.contains("://");
    !a.is_empty() && (a == b || is_place(&a) && is_place(&b) && (within(&a, &b) || within(&b, &a)))
}

impl WaveEdge {
    /// The edge in words: `Migration/a reads s3://acme/x, which Migration/b of another wave writes`.
    pub fn words(&self) -> String {
        let WaveEdge { inside, outside, what, .. } = self;
        match self.tie {
            WaveTie::Shares => format!("{inside} and {outside} both have {what}"),
            WaveTie::Reads => format!("{inside} reads {what}, which {outside} writes"),
            WaveTie::Writes => format!("{inside} writes {what}, which {outside} reads"),
        }
    }
}
