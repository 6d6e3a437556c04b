//! How long things took.

use serde::Serialize;

/// Durations of runs that ended well, in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// How many.
    pub count: usize,
    pub shortest: u64,
    pub median: u64,
    /// Nine of ten took no longer (nearest rank).
    pub p90: u64,
    pub longest: u64,
}

impl Spread {
    /// `None` of none.
    pub fn of(seconds: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut all: Vec<u64> = seconds.into_iter().collect();
        all.sort_unstable();
        let (shortest, longest) = (*all.first()?, *all.last()?);
        let rank = |percent: usize| all[(all.len() * percent).div_ceil(100).max(1) - 1];
        Some(Spread { count: all.len(), shortest, median: rank(50), p90: rank(90), longest })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn ranks_are_values_that_were_seen() {
        assert_eq!(Spread::of([]), None);
        let one = Spread::of([7]).unwrap();
        assert_eq!((one.count, one.shortest, one.median, one.p90, one.longest), (1, 7, 7, 7, 7));
        let ten = Spread::of((1..=10).rev()).unwrap();
        assert_eq!((ten.count, ten.median, ten.p90, ten.longest), (10, 5, 9, 10));
    }
}
