//! Whether a wave is closed: what ties its pipelines to those of other waves, as far as the manifests tell.

use super::wave::{Wave, WaveMember};
use crate::kinds::emr::ties::{Tied, WaveEdge, ties};

/// What ties a wave to others, in the order of its members.
pub fn edges(wave: &Wave<'_>, all: &[Wave<'_>]) -> Vec<WaveEdge> {
    let others = all.iter().filter(|other| other.name != wave.name).flat_map(|other| &other.members);
    let (inside, outside): (Vec<Tied<'_>>, Vec<Tied<'_>>) =
        (wave.members.iter().map(tied).collect(), others.map(tied).collect());
    ties(&inside, &outside)
}

fn tied<'m>(member: &'m WaveMember<'_>) -> Tied<'m> {
    (&member.resource.address, &member.spec)
}
