//! Draws from a seed: the same seed gives the same numbers on every machine.

use sha2::{Digest, Sha256};

/// A generator of random numbers: xoshiro256++ 1.0 (Blackman and Vigna, prng.di.unimi.it), 256 bits of state, which is public
/// domain. Not for secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeededDraws {
    state: [u64; 4],
}

impl SeededDraws {
    /// One whose seed is the SHA-256 of some parts, so that `["a", "b"]` and `["ab"]` are two seeds.
    pub fn of<'p>(parts: impl IntoIterator<Item = &'p str>) -> SeededDraws {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let bytes = hash.finalize();
        let mut state = [0u64; 4];
        for (word, eight) in state.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = eight.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        SeededDraws::from_state(state)
    }

    /// One with this state. All zeros would only give zeros: another state is taken.
    pub fn from_state(state: [u64; 4]) -> SeededDraws {
        SeededDraws { state: if state == [0; 4] { [1, 2, 3, 4] } else { state } }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.state;
        let result = a.wrapping_add(*d).rotate_left(23).wrapping_add(*a);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A share of one, in 2³² steps: what [`pick`] takes.
    pub fn share(&mut self) -> u32 {
        (self.bits() >> 32) as u32
    }
}

/// The index of a list of that many that a share falls on: each is as likely as another, and a greater share never gives a
/// smaller index.
pub fn pick(share: u32, count: usize) -> usize {
    ((u64::from(share) * count as u64) >> 32) as usize
}

/// The value of a triangular distribution at a share from 0 to 1: 0 gives the least, 1 the most.
///
/// It never falls when one of least, likely and most rises.
pub fn triangular([least, likely, most]: [f64; 3], share: f64) -> f64 {
    let width = most - least;
    if width <= 0.0 {
        return least;
    }
    if share * width <= likely - least {
        least + (share * width * (likely - least)).sqrt()
    } else {
        most - ((1.0 - share) * width * (most - likely)).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first outputs of the reference implementation for the state 1, 2, 3, 4.
    #[test]
    fn the_numbers_are_those_of_the_reference() {
        let mut draws = SeededDraws::from_state([1, 2, 3, 4]);
        let wanted = [
            41_943_041,
            58_720_359,
            3_588_806_011_781_223,
            3_591_011_842_654_386,
            9_228_616_714_210_784_205,
            9_973_669_472_204_895_162,
            14_011_001_112_246_962_877,
            12_406_186_145_184_390_807,
            15_849_039_046_786_891_736,
            10_450_023_813_501_588_000,
        ];
        assert_eq!(wanted.map(|_| draws.bits()), wanted);
    }

    #[test]
    fn a_seed_is_of_all_its_parts() {
        let first = |parts: &[&str]| SeededDraws::of(parts.iter().copied()).bits();
        assert_eq!(first(&["a", "b"]), first(&["a", "b"]));
        assert_ne!(first(&["a", "b"]), first(&["ab"]));
        assert_ne!(first(&["a", "b"]), first(&["b", "a"]));
        assert_ne!(SeededDraws::from_state([0; 4]).bits(), 0);
        // SHA-256 of nothing, its first eight bytes read as a little-endian number.
        assert_eq!(SeededDraws::of([]).state[0], 0x141c_fc98_42c4_b0e3);
    }

    #[test]
    fn each_of_a_list_is_as_likely() {
        let mut draws = SeededDraws::of(["list"]);
        let mut counts = [0; 7];
        (0..70_000).for_each(|_| counts[pick(draws.share(), 7)] += 1);
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
        assert_eq!((pick(0, 5), pick(u32::MAX, 5)), (0, 4));
    }

    #[test]
    fn a_range_is_a_triangle() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let range = [1.0, 2.0, 5.0];
        [(0.0, 1.0), (0.25, 2.0), (1.0, 5.0)].into_iter().for_each(|(share, day)| near(triangular(range, share), day));
        near(triangular([3.0; 3], 0.7), 3.0);
        near(triangular([1.0, 1.0, 3.0], 0.75), 2.0);
        near(triangular([1.0, 3.0, 3.0], 0.25), 2.0);
        let mean: f64 = (0..10_000).map(|i| triangular(range, (f64::from(i) + 0.5) / 10_000.0)).sum::<f64>() / 10_000.0;
        assert!((mean - 8.0 / 3.0).abs() < 1e-3, "{mean}");
    }

    proptest! {
        #[test]
        fn a_later_range_is_never_earlier(
            range in [0.0..50.0f64, 0.0..50.0, 0.0..50.0],
            more in [0.0..9.0f64, 0.0..9.0, 0.0..9.0],
            share in 0.0..=1.0f64,
        ) {
            let sorted = |mut range: [f64; 3]| { range.sort_by(f64::total_cmp); range };
            let range = sorted(range);
            // Sorting keeps the order of pairs: the later range is later in all three.
            let later = sorted([range[0] + more[0], range[1] + more[1], range[2] + more[2]]);
            prop_assert!(triangular(range, share) <= triangular(later, share) + 1e-9);
        }
    }
}
