//! Choosing the cause: nine rules over the clues of one run.
//!
//! - The outcome comes first ([`outcome`]): a run that succeeded has no cause.
//! - Only the last attempt is explained, what wraps is unwrapped, clearing away after the end means nothing, nor does what was
//!   recovered from ([`sift`]).
//! - What ended the run names tasks, executors and nodes ([`links`]).
//! - What is stronger explains what is weaker in its time and place ([`masks`]).
//! - The rest is ranked; symptoms alone are a possible cause, wrappers alone none ([`rank`]).

mod case;
mod links;
mod masks;
mod names;
mod outcome;
mod rank;
mod sift;
mod title;
mod told;

#[cfg(test)]
pub(crate) mod by_hand;
#[cfg(test)]
mod law_tests;
#[cfg(test)]
mod rule_tests;

use super::catalogue::Catalogue;
use super::facts::RunFacts;
use super::fingerprint::fingerprint;
use super::result::{Advice, Diagnosis, FORMAT, RunOutcome};
use case::Case;

/// Diagnoses a run from all that was read about it. The same facts, in any order, give the same diagnosis.
pub fn diagnose(catalogue: &Catalogue, facts: &RunFacts) -> Diagnosis {
    decided(&mut Case::new(catalogue, facts))
}

fn decided(case: &mut Case<'_>) -> Diagnosis {
    sift::before_the_run(case);
    sift::said_to_be_none(case);
    let attempts_before = sift::attempts(case);
    sift::applications(case);
    sift::before_the_last_attempt(case);
    sift::clearing(case);
    sift::recovered(case);
    sift::after_the_run(case);
    let ending = outcome::ending(case);
    let mut diagnosis = Diagnosis { outcome: ending.outcome, attempts_before, ..blank(case.facts) };
    if ending.outcome == RunOutcome::Succeeded {
        return diagnosis;
    }
    sift::unwrap(case);
    let links = links::links(case);
    let explained = masks::explained(case);
    let (chosen, rivals) = rank::choose(case, &links, &explained, ending);
    let Some(chosen) = chosen else {
        if ending.outcome != RunOutcome::Running {
            diagnosis.look_at = told::look_at(case, &links);
        }
        return diagnosis;
    };
    diagnosis.cause = told::cause(case, &chosen, ending.lost_sight);
    diagnosis.chain = told::chain(case, &chosen);
    diagnosis.also = rivals.iter().filter_map(|rival| told::cause(case, rival, None)).collect();
    if let Some(root) = case.seen.get(chosen.candidate.root) {
        let class = case.class(root.class());
        diagnosis.retry = class.and_then(|class| class.retry);
        diagnosis.fingerprint = Some(fingerprint(root.clue));
        let advice = class.and_then(|class| class.advice.clone());
        diagnosis.advice = advice.into_iter().map(|text| Advice { text, snippet: None }).collect();
    }
    diagnosis
}

/// What is known without deciding anything.
fn blank(facts: &RunFacts) -> Diagnosis {
    let mut missing = facts.missing.clone();
    missing.sort();
    missing.dedup();
    Diagnosis {
        format: FORMAT.to_owned(),
        name: facts.subject.name.clone(),
        system: facts.subject.system.clone(),
        run: facts.subject.run.clone(),
        period: facts.subject.period.clone(),
        started: facts.subject.started,
        ended: facts.subject.ended,
        outcome: RunOutcome::Unknown,
        cause: None,
        chain: Vec::new(),
        also: Vec::new(),
        look_at: Vec::new(),
        change: Vec::new(),
        advice: Vec::new(),
        retry: None,
        fingerprint: None,
        attempts_before: 0,
        read: facts.read.clone(),
        missing,
    }
}
