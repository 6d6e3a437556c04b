//! What a share that was seen says of the share that there is: the exact one-sided bound of Clopper and Pearson.
//!
//! Only the four operations are used, so that every machine answers the same digits.

/// How sure a bound is: in one of twenty series the true share is below it.
const DOUBT: f64 = 0.05;

/// The least share of successes that `good` of `all` can come from, with 95 % confidence: the share for which a series of
/// `all` has `good` or more successes once in twenty series. 0 when there was none, or nothing was seen.
pub fn lower_bound(good: u64, all: u64) -> f64 {
    if good == 0 || good > all {
        return 0.0;
    }
    // The chance grows with the share, and at `good / all` it is about one half.
    let (mut low, mut high) = (0.0_f64, good as f64 / all as f64);
    if good == all {
        high = 1.0;
    }
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return low;
        }
        if chance_of_as_many(good, all, middle) < DOUBT {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// A bound as people read it: whole percent, and never all of it.
pub fn percent(bound: f64) -> u8 {
    // Between 0 and 99.
    (bound * 100.0).round().clamp(0.0, 99.0) as u8
}

/// The chance of `good` or more successes of `all`, each with the chance `share`, which is between 0 and 1.
///
/// Each term is counted from the one of `good`, which is 1: their sums may be great, and none vanishes that matters.
fn chance_of_as_many(good: u64, all: u64, share: f64) -> f64 {
    let odds = share / (1.0 - share);
    let (mut at_least, mut term) = (1.0, 1.0);
    for successes in good..all {
        term *= (all - successes) as f64 / (successes + 1) as f64 * odds;
        at_least += term;
    }
    let (mut fewer, mut term) = (0.0, 1.0);
    for successes in (1..=good).rev() {
        term *= successes as f64 / (all - successes + 1) as f64 / odds;
        fewer += term;
    }
    at_least / (at_least + fewer)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of every number of runs up to 60, of every number of successes: scipy 1's
    /// `binomtest(k, n, alternative="greater").proportion_ci(0.95, "exact").low`, a line for each n.
    const SCIPY: &str = include_str!("bounds.txt");

    #[test]
    fn the_bound_is_scipys() {
        let mut compared = 0;
        for (all, line) in (1..).zip(SCIPY.lines()) {
            for (good, expected) in (0..).zip(line.split(' ')) {
                let (bound, expected) = (lower_bound(good, all), expected.parse::<f64>().unwrap());
                assert!((bound - expected).abs() < 1e-9, "{good} of {all}: {bound}, and not {expected}");
                compared += 1;
            }
        }
        assert_eq!(compared, (1..=60).map(|n| n + 1).sum::<u64>());
    }

    #[test]
    fn few_runs_show_little() {
        for (good, all, shown) in
            [(0, 0, 0), (0, 5, 0), (1, 1, 5), (3, 3, 37), (6, 6, 61), (9, 12, 47), (12, 12, 78), (59, 59, 95)]
        {
            assert_eq!(percent(lower_bound(good, all)), shown, "{good} of {all}");
        }
        // However many there were, it is no certainty.
        assert_eq!(percent(lower_bound(100_000, 100_000)), 99);
        assert_eq!(lower_bound(6, 5), 0.0, "it makes no sense");
    }

    #[test]
    fn more_successes_never_show_less() {
        for all in [1_u64, 7, 60, 500, 3000] {
            let step = usize::try_from(all / 7 + 1).unwrap();
            let bounds: Vec<f64> = (0..=all).step_by(step).map(|good| lower_bound(good, all)).collect();
            assert!(bounds.is_sorted() && bounds.iter().all(|bound| (0.0..1.0).contains(bound)), "{all}: {bounds:?}");
        }
    }
}
