//! Intervals: what is known of a number that was not read exactly. No mean, no error bar: two ends, each possible.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Add;

/// Both ends of what a number may be; they are equal where it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Interval<T> {
    pub low: T,
    pub high: T,
}

impl<T: Copy + Ord> Interval<T> {
    /// A number that is known.
    pub fn exactly(value: T) -> Interval<T> {
        Interval { low: value, high: value }
    }

    /// What lies between two numbers, whichever of them is the greater.
    pub fn between(one: T, other: T) -> Interval<T> {
        Interval { low: one.min(other), high: one.max(other) }
    }

    /// Whether it is one number.
    pub fn is_exact(&self) -> bool {
        self.low == self.high
    }

    /// Whether every number of it is below every one of the other: only then is one less than the other.
    pub fn is_below(&self, other: &Interval<T>) -> bool {
        self.high < other.low
    }

    /// The narrowest interval that has both in it.
    pub fn hull(&self, other: &Interval<T>) -> Interval<T> {
        Interval { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

impl<T: Add<Output = T>> Add for Interval<T> {
    type Output = Interval<T>;
    fn add(self, other: Interval<T>) -> Interval<T> {
        Interval { low: self.low + other.low, high: self.high + other.high }
    }
}

impl<T: Default + Add<Output = T>> std::iter::Sum for Interval<T> {
    fn sum<I: Iterator<Item = Interval<T>>>(all: I) -> Interval<T> {
        all.fold(Interval { low: T::default(), high: T::default() }, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_of_ends_and_a_verdict_needs_a_gap() {
        let (a, b) = (Interval::between(5, 3), Interval::exactly(6));
        assert_eq!((a.low, a.high, a.is_exact(), b.is_exact()), (3, 5, false, true));
        assert_eq!(a + b, Interval { low: 9, high: 11 });
        assert_eq!([a, b].into_iter().sum::<Interval<i32>>(), a + b);
        assert!(a.is_below(&b) && !b.is_below(&a));
        assert!(!a.is_below(&Interval::between(5, 9)), "they touch");
        assert_eq!(a.hull(&b), Interval { low: 3, high: 6 });
    }
}
