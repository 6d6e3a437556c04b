//! Work that tests count, so that they can say how much of it there may be. Outside of tests nothing is counted.

/// A kind of work that grows with what is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// A value or a change that is looked at to tell what has to be done before what.
    Links,
    /// The hash of a manifest's spec.
    Identity,
    /// A live object that is looked at to find the one of a manifest.
    Lookup,
    /// A change, or a field of one, that is compared to tell equal changes together.
    Grouped,
    /// A live spec that is made of its text again.
    Unpacked,
}

/// Counts one piece of work.
#[inline]
pub(crate) fn count(_work: Work) {
    #[cfg(test)]
    COUNTS.with_borrow_mut(|counts| *counts.entry(_work).or_default() += 1);
}

#[cfg(test)]
thread_local! {
    static COUNTS: std::cell::RefCell<std::collections::BTreeMap<Work, usize>> = const {
        std::cell::RefCell::new(std::collections::BTreeMap::new())
    };
}

/// How much of a kind of work something takes.
#[cfg(test)]
pub(crate) fn counted<T>(work: Work, run: impl FnOnce() -> T) -> (T, usize) {
    let so_far = || COUNTS.with_borrow(|counts| counts.get(&work).copied().unwrap_or_default());
    let before = so_far();
    let done = run();
    (done, so_far() - before)
}
