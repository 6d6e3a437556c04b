//! Values that were seen, in order: quantiles that are one of them, and what the next one may be.

/// Of fewer values the greatest of twenty is not told.
const FEWEST_FOR_P95: usize = 20;

/// Values that were seen, the least first: at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenValues<T>(Vec<T>);

impl<T: Copy + Ord> SeenValues<T> {
    /// `None` of none.
    pub fn of(values: impl IntoIterator<Item = T>) -> Option<SeenValues<T>> {
        let mut all: Vec<T> = values.into_iter().collect();
        all.sort_unstable();
        (!all.is_empty()).then_some(SeenValues(all))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The least.
    pub fn least(&self) -> T {
        self.0[0]
    }

    /// The greatest.
    pub fn greatest(&self) -> T {
        self.0[self.0.len() - 1]
    }

    /// The one in the middle; of an even number the lesser of the two.
    pub fn middle(&self) -> T {
        self.rank(50)
    }

    /// The one that 95 of a hundred do not exceed. `None` of fewer than 20: it would be the greatest under another name.
    pub fn p95(&self) -> Option<T> {
        (self.0.len() >= FEWEST_FOR_P95).then(|| self.rank(95))
    }

    /// The chance that the next one is greater than all that were seen is one in so many, whatever they are distributed
    /// like, as long as the next one comes from where these came from.
    pub fn next_is_greater_once_in(&self) -> usize {
        self.0.len() + 1
    }

    /// The nearest rank.
    fn rank(&self, percent: usize) -> T {
        self.0[(self.0.len() * percent).div_ceil(100).max(1) - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quantile_is_a_value_that_was_seen() {
        assert_eq!(SeenValues::<u64>::of([]), None);
        let one = SeenValues::of([7]).unwrap();
        assert_eq!((one.least(), one.middle(), one.greatest(), one.p95()), (7, 7, 7, None));
        let four = SeenValues::of([40, 10, 30, 20]).unwrap();
        assert_eq!((four.least(), four.middle(), four.greatest(), four.count()), (10, 20, 40, 4));
    }

    #[test]
    fn fewer_than_twenty_have_no_p95() {
        assert_eq!(SeenValues::of(1..=19).unwrap().p95(), None);
        assert_eq!(SeenValues::of(1..=20).unwrap().p95(), Some(19));
        assert_eq!(SeenValues::of(1..=100).unwrap().p95(), Some(95));
    }

    #[test]
    fn the_next_is_the_longest_once_in_one_more_than_were_seen() {
        assert_eq!(SeenValues::of([1, 2, 3]).unwrap().next_is_greater_once_in(), 4);
        assert_eq!(SeenValues::of(1..=12).unwrap().next_is_greater_once_in(), 13);
    }
}
