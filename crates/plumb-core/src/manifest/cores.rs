//! Work on many things at once, with the answers of one after the other.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// So many things are taken at once: taking one costs less than the least of what is done with it.
const AT_ONCE: usize = 16;

/// What `work` makes of each, in their order, on so many threads at most. A panic in one is a panic here.
pub fn on_threads<T: Sync, R: Send>(threads: NonZeroUsize, all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = threads.get().min(all.len().div_ceil(AT_ONCE));
    if threads <= 1 {
        return all.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        loop {
            let from = next.fetch_add(AT_ONCE, Ordering::Relaxed);
            let Some(part) = all.get(from..all.len().min(from + AT_ONCE)).filter(|part| !part.is_empty()) else {
                return done;
            };
            done.push((from, part.iter().map(&work).collect::<Vec<R>>()));
        }
    };
    let mut done: Vec<(usize, Vec<R>)> = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(take)).collect();
        let own = take();
        let others = others.into_iter().flat_map(|other| match other.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        own.into_iter().chain(others).collect()
    });
    done.sort_unstable_by_key(|(from, _)| *from);
    done.into_iter().flat_map(|(_, part)| part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answers_are_in_order_and_each_is_asked_once() {
        let all: Vec<usize> = (0..1_000).collect();
        for threads in [1, 2, 8, 2_000] {
            let asked = AtomicUsize::new(0);
            let answers = on_threads(NonZeroUsize::new(threads).unwrap(), &all, |one| {
                asked.fetch_add(1, Ordering::Relaxed);
                one * 2
            });
            assert_eq!(answers, all.iter().map(|one| one * 2).collect::<Vec<_>>());
            assert_eq!(asked.into_inner(), all.len());
        }
        assert!(on_threads(NonZeroUsize::new(4).unwrap(), &[], |one: &usize| *one).is_empty());
    }

    #[test]
    fn a_panic_is_not_swallowed() {
        let all: Vec<usize> = (0..1_000).collect();
        for threads in [1, 2, 8] {
            let work = |one: &usize| assert_ne!(*one, 700, "the seven hundredth");
            let threads = NonZeroUsize::new(threads).unwrap();
            let panic = std::panic::catch_unwind(|| on_threads(threads, &all, work)).unwrap_err();
            assert!(panic.downcast_ref::<String>().unwrap().contains("the seven hundredth"));
        }
    }
}
