//! Choosing the cause: nine rules over the clues of one run.

use super::catalogue::Catalogue;
use super::facts::RunFacts;
use super::result::Diagnosis;

/// Diagnoses a run from all that was read about it. The same facts, in any order, give the same diagnosis.
pub fn diagnose(_catalogue: &Catalogue, facts: &RunFacts) -> Diagnosis {
    Diagnosis {
        format: super::result::FORMAT.to_owned(),
        name: facts.subject.name.clone(),
        system: facts.subject.system.clone(),
        run: facts.subject.run.clone(),
        period: facts.subject.period.clone(),
        started: facts.subject.started,
        ended: facts.subject.ended,
        outcome: super::result::RunOutcome::Unknown,
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
        missing: facts.missing.clone(),
    }
}
