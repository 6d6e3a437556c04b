//! The lease's protocol: what to ask of the store next, and what its answers mean. Pure: the clocks are arguments.
//!
//! The store is a folder with one file a *generation*. The file with the highest number says who holds the lease. A
//! generation begins when somebody creates its file, which the store lets exactly one caller do. Its holder writes the
//! file again to stay alive, and writes it a last time to release it. Numbers only ever rise.
//!
//! Why two never hold it: whoever creates generation n+1 has seen n released or run out, or was told to break it.
//! *Run out* is judged by the store's clock alone. A contender first lets the store tell the time and then reads when
//! n was last written, so a renewal that it does not see was made later than the time that it was told. The holder
//! counts on its own clock, from the moment at which it *sent* its last good renewal, which is before the store wrote
//! it; and a renewal whose answer comes after that time is up counts for nothing. So its time is up before anybody can
//! find it run out. What the holder has to guarantee is that its clock runs no slower than the store's; the margin
//! pays for that, and for requests that are under way when the time is up.

use std::time::Duration;

/// The number of a file in the lease's folder, from 1.
pub type Generation = u64;

/// A point in time on one clock, in milliseconds. Points on the store's clock and on the holder's own are never mixed.
pub type Millis = u64;

/// How long a lease lasts, and how it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// After so long without a renewal, others may take it.
    pub lasts: Millis,
    /// So much earlier its holder stops.
    pub margin: Millis,
    /// The holder renews it so often.
    pub renewed_every: Millis,
    /// How many generations before the newest are kept.
    pub kept: u64,
}

impl Terms {
    /// Three minutes, renewed every half minute. The margin is longer than the service takes for any single write.
    pub const USUAL: Terms = Terms { lasts: 180_000, margin: 45_000, renewed_every: 20_000, kept: 8 };
}

/// What the newest file says, as far as the protocol cares.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Names the process that made it.
    pub id: String,
    pub released: bool,
    pub lasts: Millis,
}

/// What is asked of the store. Each happens at one moment at the store, or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StoreRequest {
    /// Which generations there are, and when each was last written by the store's clock.
    List,
    Read(Generation),
    /// Make the file unless there is one.
    Create(Generation),
    /// Write the file again as it was.
    Renew(Generation),
    /// Write the file again as released.
    Release(Generation),
    /// Tell the time.
    Clock,
    /// Delete an old file.
    Remove(Generation),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StoreResponse {
    /// Generation and time of the last write, in any order.
    Listed(Vec<(Generation, Millis)>),
    /// `None`: there is no such file.
    Read(Option<Record>),
    /// It was done.
    Done,
    /// There was such a file already.
    Exists,
    /// By the store's clock.
    Time(Millis),
    /// No answer came, or none that says whether it was done.
    Unclear,
}

/// Where a process stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LeaseStatus {
    /// There is more to ask.
    Asking,
    /// It holds the lease until this time of its own clock.
    Holds(Millis),
    /// Somebody else holds it; it runs out so much later by the store's clock.
    Busy { generation: Generation, record: Record, left: Millis },
    /// It held the lease and does no longer.
    Lost,
    /// It held the lease and gave it back.
    Released,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Looking,
    Reading(Generation),
    /// It is held; what time is it?
    Timing(Generation, Record),
    /// Was it renewed before that time?
    Judging(Generation, Record, Millis),
    Creating(Generation),
    /// Whose is the file that was there already, or may be ours?
    Whose(Generation, Millis),
    /// Ours; is there a higher one?
    Verifying(Generation, Millis),
    Tidying(Generation, Millis, Vec<Generation>),
    Held(Generation, Millis),
    Renewing(Generation, Millis),
    /// Renewed by a request sent at the second time; has nobody taken it?
    Confirming(Generation, Millis, Millis),
    Releasing(Generation),
    Ended(LeaseStatus),
}

/// One process that wants the lease, has it, or had it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    id: String,
    terms: Terms,
    phase: Phase,
    /// When the write that is under way was sent, by its own clock.
    asked: Millis,
    /// Take it whoever has it.
    breaks: bool,
}

impl Process {
    /// A process that begins to ask for the lease. `id` is nobody else's, ever.
    pub fn new(id: impl Into<String>, terms: Terms) -> Process {
        Process { id: id.into(), terms, phase: Phase::Looking, asked: 0, breaks: false }
    }

    /// The same, but it takes the lease from whoever has it.
    pub fn breaking(id: impl Into<String>, terms: Terms) -> Process {
        Process { breaks: true, ..Self::new(id, terms) }
    }

    /// What to ask now, `None` where there is nothing to ask. A holder asks only when it is time to renew.
    pub fn ask(&mut self, now: Millis) -> Option<StoreRequest> {
        if let Phase::Held(generation, until) = self.phase
            && now.saturating_add(self.terms.lasts) >= until + self.terms.margin + self.terms.renewed_every
        {
            self.phase = Phase::Renewing(generation, until);
        }
        self.asked = match self.phase {
            Phase::Creating(_) | Phase::Renewing(..) => now,
            _ => 0,
        };
        Some(match &self.phase {
            Phase::Looking | Phase::Judging(..) | Phase::Verifying(..) | Phase::Confirming(..) => StoreRequest::List,
            Phase::Reading(generation) | Phase::Whose(generation, _) => StoreRequest::Read(*generation),
            Phase::Timing(..) => StoreRequest::Clock,
            Phase::Creating(generation) => StoreRequest::Create(*generation),
            Phase::Tidying(_, _, old) => StoreRequest::Remove(*old.first()?),
            Phase::Renewing(generation, _) => StoreRequest::Renew(*generation),
            Phase::Releasing(generation) => StoreRequest::Release(*generation),
            Phase::Held(..) | Phase::Ended(_) => return None,
        })
    }

    /// Takes in what came of the last question.
    pub fn told(&mut self, told: StoreResponse, now: Millis) {
        let phase = std::mem::replace(&mut self.phase, Phase::Looking);
        self.phase = match (phase, told) {
            (Phase::Looking, StoreResponse::Listed(list)) => match newest(&list) {
                None => Phase::Creating(1),
                Some((generation, _)) => Phase::Reading(generation),
            },
            (Phase::Reading(generation), StoreResponse::Read(Some(record))) => {
                // Its own is one whose answer it did not get in time: it does not count on it any more.
                if record.released || record.id == self.id || self.breaks {
                    Phase::Creating(generation + 1)
                } else {
                    Phase::Timing(generation, record)
                }
            }
            (Phase::Timing(generation, record), StoreResponse::Time(time)) => Phase::Judging(generation, record, time),
            (Phase::Judging(generation, record, time), StoreResponse::Listed(list)) => match newest(&list) {
                Some((newest, written)) if newest == generation => {
                    let end = written.saturating_add(record.lasts);
                    match end.checked_sub(time).filter(|left| *left > 0) {
                        Some(left) => Phase::Ended(LeaseStatus::Busy { generation, record, left }),
                        None => Phase::Creating(generation + 1),
                    }
                }
                _ => Phase::Looking,
            },
            (Phase::Creating(generation), StoreResponse::Done) => Phase::Verifying(generation, self.end(self.asked)),
            (Phase::Creating(generation), StoreResponse::Exists | StoreResponse::Unclear) => {
                Phase::Whose(generation, self.end(self.asked))
            }
            (Phase::Whose(generation, until), StoreResponse::Read(Some(record))) if record.id == self.id => {
                Phase::Verifying(generation, until)
            }
            (Phase::Verifying(generation, until), StoreResponse::Listed(list)) => match newest(&list) {
                Some((newest, _)) if newest == generation && now < until => {
                    let old = list.iter().map(|(g, _)| *g).filter(|g| g + self.terms.kept < generation).collect();
                    Phase::Tidying(generation, until, old).settled()
                }
                _ => Phase::Looking,
            },
            // Whatever came of it: an old file that stays is in nobody's way.
            (Phase::Tidying(generation, until, mut old), _) => {
                old.remove(0);
                Phase::Tidying(generation, until, old).settled()
            }
            (Phase::Renewing(generation, until), StoreResponse::Done) => {
                Phase::Confirming(generation, until, self.asked)
            }
            (Phase::Confirming(generation, until, sent), StoreResponse::Listed(list)) => {
                // Too late is too late, whatever the store says: somebody may have found it run out before.
                match newest(&list) {
                    Some((newest, _)) if newest == generation && now < until => Phase::Held(generation, self.end(sent)),
                    _ => Phase::Ended(LeaseStatus::Lost),
                }
            }
            (Phase::Releasing(_), _) => Phase::Ended(LeaseStatus::Released),
            // A question without a useful answer: a holder goes on asking while its time lasts, others begin again.
            (Phase::Renewing(generation, until) | Phase::Confirming(generation, until, _), _) => {
                if now < until {
                    Phase::Renewing(generation, until)
                } else {
                    Phase::Ended(LeaseStatus::Lost)
                }
            }
            (ended @ Phase::Ended(_), _) => ended,
            (Phase::Held(generation, until), _) => Phase::Held(generation, until),
            _ => Phase::Looking,
        };
        self.asked = 0;
    }

    /// Where it stands. A holder whose time is up holds nothing, whether or not it has noticed.
    pub fn stand(&self, now: Millis) -> LeaseStatus {
        match &self.phase {
            Phase::Tidying(_, until, _)
            | Phase::Held(_, until)
            | Phase::Renewing(_, until)
            | Phase::Confirming(_, until, _) => {
                if now < *until {
                    LeaseStatus::Holds(*until)
                } else {
                    LeaseStatus::Lost
                }
            }
            Phase::Ended(stand) => stand.clone(),
            _ => LeaseStatus::Asking,
        }
    }

    /// Asks again after [`LeaseStatus::Busy`].
    pub fn again(&mut self) {
        if matches!(self.phase, Phase::Ended(LeaseStatus::Busy { .. })) {
            self.phase = Phase::Looking;
        }
    }

    /// Gives the lease back: from now on it holds nothing. What it gave back is what [`Process::ask`] says next.
    pub fn release(&mut self) {
        self.phase = match self.phase {
            Phase::Tidying(generation, ..)
            | Phase::Held(generation, _)
            | Phase::Renewing(generation, _)
            | Phase::Confirming(generation, ..) => Phase::Releasing(generation),
            _ => Phase::Ended(LeaseStatus::Lost),
        };
    }

    /// When a lease ends, for its holder, that was written by a request sent at this time.
    fn end(&self, sent: Millis) -> Millis {
        sent + self.terms.lasts - self.terms.margin
    }
}

impl Phase {
    /// Held, once nothing is left to tidy.
    fn settled(self) -> Phase {
        match self {
            Phase::Tidying(generation, until, old) if old.is_empty() => Phase::Held(generation, until),
            other => other,
        }
    }
}

fn newest(list: &[(Generation, Millis)]) -> Option<(Generation, Millis)> {
    list.iter().copied().max()
}

/// A time span, for those who wait.
pub fn span(millis: Millis) -> Duration {
    Duration::from_millis(millis)
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
