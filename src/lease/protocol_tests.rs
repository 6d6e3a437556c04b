//! Every interleaving of processes that want one lease: of their questions, of the store's answers to them, of answers
//! that come late, get lost or never come, of time passing, of processes that release or go on. A process that died or
//! sleeps is one that takes no further turn, and every state has such successors.
//!
//! The states are counted, so that a model that explores next to nothing does not pass for a proof; and models with a
//! broken store or a slow clock have to find two holders, so that one that cannot find any does not either.

use super::*;
use std::collections::{BTreeMap, HashSet};
use std::hash::{Hash, Hasher};

/// A tick is a millisecond here. Without a margin: the model's clocks are exact, and nothing is under way.
const TERMS: Terms = Terms { lasts: 2, margin: 0, renewed_every: 1, kept: 1 };

/// What may be wrong with a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Flaw {
    None,
    /// Creating a file that is there overwrites it.
    Overwrites,
    /// The store's clock runs ahead when it tells the time.
    Ahead,
    /// The processes' clocks stand still.
    Asleep,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    files: BTreeMap<Generation, (Record, Millis)>,
    now: Millis,
    processes: Vec<Member>,
    /// How often somebody may still begin again, renew, or get no answer.
    again: u8,
    renewals: u8,
    losses: u8,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Member {
    process: Process,
    way: Way,
}

/// Where a question is.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Way {
    Nowhere,
    ToStore(StoreRequest),
    Back(StoreResponse),
}

struct Model {
    flaw: Flaw,
    last: Millis,
    again: u8,
    renewals: u8,
    losses: u8,
}

/// More states than this are too many for a test, and for a machine's memory.
const MOST_STATES: usize = 600_000;

/// A store that misleads can make a process create files without end.
const MOST_FILES: usize = 5;

impl Model {
    fn world(&self, processes: usize) -> World {
        let member = |i: usize| Member { process: Process::new(format!("p{i}"), TERMS), way: Way::Nowhere };
        let processes = (0..processes).map(member).collect();
        let Model { again, renewals, losses, .. } = *self;
        World { files: BTreeMap::new(), now: 0, processes, again, renewals, losses }
    }

    /// What a process takes the time for.
    fn own_time(&self, world: &World) -> Millis {
        if self.flaw == Flaw::Asleep { 0 } else { world.now }
    }

    fn holders(&self, world: &World) -> usize {
        let now = self.own_time(world);
        world.processes.iter().filter(|m| matches!(m.process.stand(now), LeaseStatus::Holds(_))).count()
    }

    /// The store carries out a question.
    fn serve(&self, world: &mut World, id: &str, ask: &StoreRequest) -> StoreResponse {
        let now = world.now;
        let record = |released| (Record { id: id.to_owned(), released, lasts: TERMS.lasts }, now);
        match ask {
            StoreRequest::List => {
                StoreResponse::Listed(world.files.iter().map(|(g, (_, written))| (*g, *written)).collect())
            }
            StoreRequest::Read(generation) => {
                StoreResponse::Read(world.files.get(generation).map(|(record, _)| record.clone()))
            }
            StoreRequest::Create(generation)
                if world.files.contains_key(generation) && self.flaw != Flaw::Overwrites =>
            {
                StoreResponse::Exists
            }
            StoreRequest::Create(generation) | StoreRequest::Renew(generation) => {
                world.files.insert(*generation, record(false));
                StoreResponse::Done
            }
            StoreRequest::Release(generation) => {
                world.files.insert(*generation, record(true));
                StoreResponse::Done
            }
            StoreRequest::Clock => StoreResponse::Time(if self.flaw == Flaw::Ahead { now + TERMS.lasts } else { now }),
            StoreRequest::Remove(generation) => {
                world.files.remove(generation);
                StoreResponse::Done
            }
        }
    }

    /// Every world that may come next.
    fn next(&self, world: &World) -> Vec<World> {
        let mut out = Vec::new();
        if world.now < self.last {
            let mut later = world.clone();
            later.now += 1;
            out.push(later);
        }
        for (i, member) in world.processes.iter().enumerate() {
            let mut with = |change: &mut dyn FnMut(&mut World)| {
                let mut next = world.clone();
                change(&mut next);
                out.push(next);
            };
            let now = self.own_time(world);
            match &member.way {
                Way::ToStore(ask) => {
                    with(&mut |w| {
                        let told = self.serve(w, &format!("p{i}"), ask);
                        w.processes[i].way = Way::Back(told);
                    });
                    if world.losses > 0 {
                        // Carried out or not, no answer comes.
                        with(&mut |w| {
                            self.serve(w, &format!("p{i}"), ask);
                            w.processes[i].way = Way::Back(StoreResponse::Unclear);
                            w.losses -= 1;
                        });
                        with(&mut |w| {
                            w.processes[i].way = Way::Back(StoreResponse::Unclear);
                            w.losses -= 1;
                        });
                    }
                }
                Way::Back(told) => with(&mut |w| {
                    w.processes[i].process.told(told.clone(), now);
                    w.processes[i].way = Way::Nowhere;
                }),
                Way::Nowhere => {
                    let stand = member.process.stand(now);
                    let mut asking = member.process.clone();
                    if let Some(ask) = asking.ask(now) {
                        let renews = matches!(ask, StoreRequest::Renew(_));
                        if !renews || world.renewals > 0 {
                            with(&mut |w| {
                                w.processes[i].process = asking.clone();
                                w.renewals -= u8::from(renews);
                                // What only reads, and means the same whenever it comes, is asked and answered in one
                                // step: that it waits before covers that it waits on its way.
                                let timeless = matches!(
                                    asking.phase,
                                    Phase::Looking
                                        | Phase::Reading(_)
                                        | Phase::Timing(..)
                                        | Phase::Judging(..)
                                        | Phase::Whose(..)
                                );
                                if timeless {
                                    let told = self.serve(w, &format!("p{i}"), &ask);
                                    w.processes[i].process.told(told, now);
                                } else {
                                    w.processes[i].way = Way::ToStore(ask.clone())
                                }
                            });
                        }
                    }
                    match stand {
                        LeaseStatus::Holds(_) => with(&mut |w| w.processes[i].process.release()),
                        LeaseStatus::Busy { .. } if world.again > 0 => with(&mut |w| {
                            w.processes[i].process.again();
                            w.again -= 1;
                        }),
                        LeaseStatus::Lost | LeaseStatus::Released if world.again > 0 => with(&mut |w| {
                            // The same machine, another apply.
                            w.processes[i].process = Process::new(format!("p{i}"), TERMS);
                            w.again -= 1;
                        }),
                        _ => {}
                    }
                }
            }
        }
        out
    }

    /// Explores every state. The number of them, the number in which somebody holds the lease, and whether two ever do.
    fn explore(&self, processes: usize) -> (usize, usize, bool) {
        // States are known by 64 bits of their hash: a million of them have a chance of one in ten million to be wrong.
        let name = |world: &World| {
            let mut hasher = std::hash::DefaultHasher::new();
            world.hash(&mut hasher);
            hasher.finish()
        };
        let first = self.world(processes);
        let (mut seen, mut open) = (HashSet::from([name(&first)]), vec![first]);
        let mut held = 0;
        while let Some(world) = open.pop() {
            let holders = self.holders(&world);
            held += usize::from(holders > 0);
            if holders > 1 {
                return (seen.len(), held, true);
            }
            for next in self.next(&world).into_iter().filter(|w| w.files.len() <= MOST_FILES) {
                if seen.insert(name(&next)) {
                    open.push(next);
                }
            }
            assert!(
                seen.len() < MOST_STATES,
                "too many states, {held} with a holder, at {} after {}",
                world.now,
                open.len()
            );
        }
        (seen.len(), held, false)
    }
}

fn model(flaw: Flaw) -> Model {
    Model { flaw, last: 3, again: 1, renewals: 1, losses: 0 }
}

#[test]
fn two_never_hold_it() {
    let lossy = Model { again: 0, losses: 1, last: 3, ..model(Flaw::None) };
    for model in [model(Flaw::None), lossy] {
        let (states, held, two) = model.explore(2);
        assert!(!two);
        assert!(states > 10_000 && held > 1_000, "{states} states, {held} of them with a holder");
    }
}

#[test]
fn nor_do_two_of_three() {
    let small = Model { last: 2, again: 0, renewals: 0, losses: 0, flaw: Flaw::None };
    let (states, held, two) = small.explore(3);
    assert!(!two);
    assert!(states > 10_000 && held > 1_000, "{states} states, {held} of them with a holder");
}

#[test]
fn a_broken_store_or_clock_is_found_out() {
    for flaw in [Flaw::Overwrites, Flaw::Ahead, Flaw::Asleep] {
        assert!(model(flaw).explore(2).2, "{flaw:?}");
    }
}

/// Runs one process against a store until it has nothing to ask.
fn run(model: &Model, world: &mut World, i: usize) -> LeaseStatus {
    for _ in 0..50 {
        let now = world.now;
        let Some(ask) = world.processes[i].process.ask(now) else { break };
        let told = model.serve(world, &format!("p{i}"), &ask);
        world.processes[i].process.told(told, now);
    }
    world.processes[i].process.stand(world.now)
}

#[test]
fn it_goes_from_one_to_the_next() {
    let model = model(Flaw::None);
    let mut world = model.world(2);
    assert_eq!(run(&model, &mut world, 0), LeaseStatus::Holds(2));
    let LeaseStatus::Busy { generation: 1, record, left: 2 } = run(&model, &mut world, 1) else { panic!("it is held") };
    assert_eq!(record.id, "p0");
    world.processes[0].process.release();
    assert_eq!(run(&model, &mut world, 0), LeaseStatus::Released);
    world.processes[1].process.again();
    assert_eq!(run(&model, &mut world, 1), LeaseStatus::Holds(2));
    assert_eq!(world.files.keys().copied().collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn what_ran_out_is_taken_over_and_its_holder_knows() {
    let model = model(Flaw::None);
    let mut world = model.world(2);
    run(&model, &mut world, 0);
    world.now = 1;
    assert!(matches!(run(&model, &mut world, 1), LeaseStatus::Busy { left: 1.., .. }));
    world.now = 3;
    world.processes[1].process.again();
    assert_eq!(world.processes[0].process.stand(3), LeaseStatus::Lost);
    assert_eq!(run(&model, &mut world, 1), LeaseStatus::Holds(5));
    // The one that slept wakes up, renews what is not its own any more, and finds out.
    assert_eq!(run(&model, &mut world, 0), LeaseStatus::Lost);
    assert_eq!(world.processes[1].process.stand(3), LeaseStatus::Holds(5));
}

#[test]
fn renewals_keep_it_and_old_files_go() {
    let model = model(Flaw::None);
    let mut world = model.world(1);
    for round in 1..=4 {
        world.processes[0].process = Process::new("p0", TERMS);
        assert_eq!(run(&model, &mut world, 0), LeaseStatus::Holds(world.now + 2));
        for _ in 0..3 {
            world.now += 1;
            assert_eq!(run(&model, &mut world, 0), LeaseStatus::Holds(world.now + 2));
        }
        assert_eq!(world.files.len(), round.min(2), "{:?}", world.files.keys());
        world.processes[0].process.release();
        run(&model, &mut world, 0);
    }
    assert_eq!(world.files.keys().copied().collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn a_broken_lease_is_found_out_at_the_next_renewal() {
    let model = model(Flaw::None);
    let mut world = model.world(2);
    run(&model, &mut world, 0);
    world.processes[1].process = Process::breaking("p1", TERMS);
    assert_eq!(run(&model, &mut world, 1), LeaseStatus::Holds(2));
    world.now = 1;
    assert_eq!(run(&model, &mut world, 0), LeaseStatus::Lost);
}

/// Terms that leave time between a question and its answer.
const LONG: Terms = Terms { lasts: 100, margin: 10, renewed_every: 20, kept: 1 };

/// Asks at one time, and is told at another.
fn step(process: &mut Process, asked: Millis, wanted: StoreRequest, told: StoreResponse, at: Millis) {
    assert_eq!(process.ask(asked), Some(wanted), "at {asked}");
    process.told(told, at);
}

/// A process that created its file by a question of 5 whose answer came at 25.
fn holder() -> Process {
    let mut process = Process::new("me", LONG);
    step(&mut process, 0, StoreRequest::List, StoreResponse::Listed(Vec::new()), 4);
    step(&mut process, 5, StoreRequest::Create(1), StoreResponse::Done, 25);
    step(&mut process, 25, StoreRequest::List, StoreResponse::Listed(vec![(1, 1_000)]), 30);
    process
}

#[test]
fn a_lease_counts_from_the_sending_of_what_wrote_it() {
    let mut process = holder();
    assert_eq!(process.stand(30), LeaseStatus::Holds(95), "from 5 on, less the margin");
    assert_eq!((process.stand(94), process.stand(95)), (LeaseStatus::Holds(95), LeaseStatus::Lost));
    // It is time to renew twenty after it was written, and not before.
    assert_eq!(process.clone().ask(24), None);
    step(&mut process, 30, StoreRequest::Renew(1), StoreResponse::Done, 60);
    step(&mut process, 60, StoreRequest::List, StoreResponse::Listed(vec![(1, 1_030)]), 70);
    assert_eq!(process.stand(70), LeaseStatus::Holds(120), "from 30 on, whenever the answers came");
    // A renewal whose answer is late counts for nothing, whatever it says.
    for (done, listed) in [(95, 96), (94, 95)] {
        let mut late = holder();
        step(&mut late, 30, StoreRequest::Renew(1), StoreResponse::Done, done);
        step(&mut late, done, StoreRequest::List, StoreResponse::Listed(vec![(1, 1_030)]), listed);
        assert_eq!(late.stand(listed), LeaseStatus::Lost, "{done} {listed}");
    }
    // A lost answer is requested again while there is time.
    let mut process = holder();
    step(&mut process, 30, StoreRequest::Renew(1), StoreResponse::Unclear, 40);
    assert_eq!(process.stand(40), LeaseStatus::Holds(95));
    step(&mut process, 50, StoreRequest::Renew(1), StoreResponse::Done, 55);
    step(&mut process, 55, StoreRequest::List, StoreResponse::Listed(vec![(2, 1_050), (1, 1_050)]), 60);
    assert_eq!(process.stand(60), LeaseStatus::Lost, "somebody has taken it");
}

#[test]
fn what_is_in_the_way_is_waited_out_to_the_end_unless_it_is_its_own_or_free() {
    let other = |released| Record { id: "other".into(), released, lasts: 100 };
    let reads = |record: Record, breaks: bool| {
        let mut process = if breaks { Process::breaking("me", LONG) } else { Process::new("me", LONG) };
        step(&mut process, 0, StoreRequest::List, StoreResponse::Listed(vec![(3, 50), (4, 60)]), 0);
        step(&mut process, 0, StoreRequest::Read(4), StoreResponse::Read(Some(record)), 0);
        process
    };
    for (what, record, breaks) in [
        ("released", other(true), false),
        // Its own of a moment ago, whose answer was lost: it need not be waited for.
        ("its own", Record { id: "me".into(), ..other(false) }, false),
        ("to be broken", other(false), true),
    ] {
        assert_eq!(reads(record, breaks).ask(0), Some(StoreRequest::Create(5)), "{what}");
    }
    for (written, time, left) in
        [(60, 60, Some(100)), (60, 159, Some(1)), (60, 160, None), (60, 500, None), (90, 160, Some(30))]
    {
        let mut process = reads(other(false), false);
        step(&mut process, 0, StoreRequest::Clock, StoreResponse::Time(time), 0);
        step(&mut process, 0, StoreRequest::List, StoreResponse::Listed(vec![(4, written), (3, 50)]), 0);
        match left {
            Some(left) => assert_eq!(process.stand(0), LeaseStatus::Busy { generation: 4, record: other(false), left }),
            None => assert_eq!(process.ask(0), Some(StoreRequest::Create(5)), "{written} {time}"),
        }
    }
    // Somebody was quicker meanwhile: everything is looked at again.
    let mut process = reads(other(false), false);
    step(&mut process, 0, StoreRequest::Clock, StoreResponse::Time(500), 0);
    step(&mut process, 0, StoreRequest::List, StoreResponse::Listed(vec![(5, 490), (4, 60)]), 0);
    assert_eq!(process.ask(0), Some(StoreRequest::List));
}

#[test]
fn whose_a_file_is_is_read_where_no_answer_says_it() {
    for told in [StoreResponse::Exists, StoreResponse::Unclear] {
        for (record, is_mine) in [("me", true), ("other", false)] {
            let mut process = Process::new("me", LONG);
            step(&mut process, 0, StoreRequest::List, StoreResponse::Listed(Vec::new()), 0);
            step(&mut process, 5, StoreRequest::Create(1), told.clone(), 25);
            let record = Record { id: record.into(), released: false, lasts: 100 };
            step(&mut process, 25, StoreRequest::Read(1), StoreResponse::Read(Some(record)), 30);
            // Its own counts from when it was sent, and only once it is seen to be the highest.
            assert_eq!(process.stand(30), LeaseStatus::Asking);
            step(&mut process, 30, StoreRequest::List, StoreResponse::Listed(vec![(1, 1_000)]), 31);
            let wanted = if is_mine { LeaseStatus::Holds(95) } else { LeaseStatus::Asking };
            assert_eq!(process.stand(31), wanted, "{told:?} {is_mine}");
        }
    }
}
