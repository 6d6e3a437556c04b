//! The order of changes: which may begin now, and which never will.
//!
//! Each change counts the dependencies that have not ended; a change that ends looks at its own dependants and at nothing
//! else, so that all of an apply visits each change and each dependency a fixed number of times.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What to do next. Turns come in the plan's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Begin this change: all that it depends on is done.
    Begin(usize),
    /// Skip this change: what it depends on was not done.
    Skip { index: usize, because: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It waits for this many dependencies.
    Waits(usize),
    /// One of its dependencies was not done.
    Doomed,
    /// It was begun, or is not to be begun any more.
    Left,
    /// It has ended, and was not done.
    NotDone,
}

/// The changes of a plan that have not had their turn, by index.
pub(super) struct Queue {
    /// What each change depends on. `None`: nothing of the plan, which never ends.
    depends_on: Vec<Vec<Option<usize>>>,
    dependants: Vec<Vec<usize>>,
    places: Vec<Place>,
    ready: BinaryHeap<Reverse<usize>>,
    doomed: BinaryHeap<Reverse<usize>>,
    /// How many changes and dependencies were looked at.
    #[cfg(test)]
    visits: usize,
}

impl Queue {
    /// All changes, by what each depends on.
    pub fn new(depends_on: Vec<Vec<Option<usize>>>) -> Queue {
        let mut dependants = vec![Vec::new(); depends_on.len()];
        for (index, on) in depends_on.iter().enumerate() {
            for dependency in on.iter().flatten() {
                dependants[*dependency].push(index);
            }
        }
        let ready = (0..depends_on.len()).filter(|index| depends_on[*index].is_empty()).map(Reverse).collect();
        Queue {
            places: depends_on.iter().map(|on| Place::Waits(on.len())).collect(),
            depends_on,
            dependants,
            ready,
            doomed: BinaryHeap::new(),
            #[cfg(test)]
            visits: 0,
        }
    }

    /// The next turn, if there is one before another change ends.
    pub fn next(&mut self, may_begin: bool) -> Option<Turn> {
        let ready = self.ready.peek().filter(|_| may_begin).map(|Reverse(index)| *index);
        let doomed = self.doomed.peek().map(|Reverse(index)| *index);
        if let Some(index) = doomed
            && ready.is_none_or(|ready| index < ready)
        {
            self.doomed.pop();
            self.visit(1 + self.depends_on[index].len());
            let was_not_done = |on: &&usize| self.places[**on] == Place::NotDone;
            let because = self.depends_on[index].iter().flatten().find(was_not_done).copied();
            self.ended(index, false);
            return Some(Turn::Skip { index, because: because.unwrap_or(index) });
        }
        let index = ready?;
        self.ready.pop();
        self.visit(1);
        self.places[index] = Place::Left;
        Some(Turn::Begin(index))
    }

    /// Notes that a change has ended.
    pub fn ended(&mut self, index: usize, is_done: bool) {
        self.visit(1 + self.dependants[index].len());
        self.places[index] = if is_done { Place::Left } else { Place::NotDone };
        for dependant in &self.dependants[index] {
            let place = &mut self.places[*dependant];
            match place {
                Place::Waits(_) if !is_done => {
                    *place = Place::Doomed;
                    self.doomed.push(Reverse(*dependant));
                }
                Place::Waits(open) => {
                    *open -= 1;
                    if *open == 0 {
                        self.ready.push(Reverse(*dependant));
                    }
                }
                Place::Doomed | Place::Left | Place::NotDone => {}
            }
        }
    }

    /// Takes out all that has not had its turn.
    pub fn take_rest(&mut self) -> Vec<usize> {
        self.ready.clear();
        self.doomed.clear();
        let waits = |place: &Place| matches!(place, Place::Waits(_) | Place::Doomed);
        let rest: Vec<usize> = (0..self.places.len()).filter(|index| waits(&self.places[*index])).collect();
        for index in &rest {
            self.places[*index] = Place::Left;
        }
        rest
    }

    fn visit(&mut self, _things: usize) {
        #[cfg(test)]
        {
            self.visits += _things;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(depends_on: &[&[usize]]) -> Queue {
        Queue::new(depends_on.iter().map(|on| on.iter().copied().map(Some).collect()).collect())
    }

    /// The turns that there are before another change ends.
    fn turns(queue: &mut Queue) -> Vec<Turn> {
        std::iter::from_fn(|| queue.next(true)).collect()
    }

    #[test]
    fn a_change_begins_once_all_that_it_depends_on_is_done() {
        let mut queue = queue(&[&[], &[0], &[0, 3], &[]]);
        assert_eq!(queue.next(false), None);
        assert_eq!(turns(&mut queue), [Turn::Begin(0), Turn::Begin(3)]);
        queue.ended(0, true);
        assert_eq!(turns(&mut queue), [Turn::Begin(1)]);
        queue.ended(3, true);
        assert_eq!(turns(&mut queue), [Turn::Begin(2)]);
        assert!(queue.take_rest().is_empty());
    }

    #[test]
    fn what_depends_on_what_was_not_done_is_skipped_at_once() {
        // 2 depends on two that are not done: the first that it names is the reason.
        let mut queue = queue(&[&[], &[0], &[1, 0], &[4, 0], &[], &[]]);
        assert_eq!(turns(&mut queue), [Turn::Begin(0), Turn::Begin(4), Turn::Begin(5)]);
        queue.ended(0, false);
        let skip = |index, because| Turn::Skip { index, because };
        assert_eq!(queue.next(false), Some(skip(1, 0)));
        assert_eq!(turns(&mut queue), [skip(2, 1), skip(3, 0)]);
        queue.ended(4, true);
        assert!(turns(&mut queue).is_empty() && queue.take_rest().is_empty());
    }

    #[test]
    fn turns_come_in_the_order_of_the_plan() {
        let mut queue = queue(&[&[], &[0], &[], &[0], &[]]);
        assert_eq!((queue.next(true), queue.next(true)), (Some(Turn::Begin(0)), Some(Turn::Begin(2))));
        queue.ended(0, false);
        let skip = |index| Turn::Skip { index, because: 0 };
        assert_eq!(turns(&mut queue), [skip(1), skip(3), Turn::Begin(4)]);
    }

    #[test]
    fn what_waits_for_itself_or_for_nothing_of_the_plan_never_begins() {
        let mut circle = queue(&[&[1], &[0], &[]]);
        assert_eq!(turns(&mut circle), [Turn::Begin(2)]);
        circle.ended(2, true);
        assert!(turns(&mut circle).is_empty());
        assert_eq!(circle.take_rest(), [0, 1]);
        assert!(circle.take_rest().is_empty() && turns(&mut circle).is_empty());
        let mut foreign = Queue::new(vec![vec![None]]);
        assert!(turns(&mut foreign).is_empty());
        assert_eq!(foreign.take_rest(), [0]);
    }

    /// Counted, not timed: a scan of all that waits at each end would visit millions here.
    #[test]
    fn the_work_grows_with_the_changes_and_their_dependencies() {
        const COUNT: usize = 5_000;
        // A chain, and each tenth change is one that all after it depend on nine times less often.
        let chain = |index: usize| if index == 0 { vec![] } else { vec![Some(index - 1), Some(index / 10)] };
        let fan = |index: usize| if index == 0 { vec![] } else { vec![Some(0)] };
        let shapes: [&dyn Fn(usize) -> Vec<Option<usize>>; 3] = [&chain, &fan, &|_| vec![]];
        for depends_on in shapes {
            for fails in [None, Some(0), Some(COUNT / 2)] {
                let depends_on: Vec<_> = (0..COUNT).map(depends_on).collect();
                let edges: usize = depends_on.iter().map(Vec::len).sum();
                let mut queue = Queue::new(depends_on);
                let (mut running, mut turns) = (Vec::new(), 0);
                loop {
                    while let Some(turn) = queue.next(running.len() < 8) {
                        turns += 1;
                        if let Turn::Begin(index) = turn {
                            running.push(index);
                        }
                    }
                    let Some(index) = running.pop() else { break };
                    queue.ended(index, fails != Some(index));
                }
                assert_eq!(turns, COUNT);
                assert!(queue.visits <= 2 * (COUNT + edges), "{} visits", queue.visits);
            }
        }
    }
}
