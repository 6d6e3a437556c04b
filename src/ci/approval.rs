//! What a pull request's comment keeps, unseen, of what was approved: one line that no outside text can write.

use crate::services::Secret;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use plumb_core::plan::approval::{Approval, is_digest};
use plumb_core::plan::digest::{self, KEYED};
use plumb_core::plan::{Change, Plan};
use plumb_model::signature;
use std::collections::BTreeMap;

const START: &str = "<!-- plumb:approval v1 ";
const END: &str = " -->";
/// The bytes of a change's digest.
const BYTES: usize = 8;

/// What was shown, of which commit of which pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub project: String,
    pub target: String,
    pub pull: u64,
    /// The head of the pull request, all 40 characters.
    pub head: String,
    pub digest: String,
    /// The digests of the changes; `None` when they were too many to list.
    pub changes: Option<Vec<String>>,
    /// The digests of what the changes disrupt; none when the changes are not listed.
    pub impacts: Vec<String>,
    /// The digests of the waves that wait for their day: merging approves them in advance.
    pub cutovers: Vec<String>,
}

/// Why a line is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unbelieved {
    #[error("its hidden line cannot be read: it was edited, or written by another version of plumb")]
    Unreadable,
    #[error("its hidden line is not signed with PLUMB_APPROVAL_KEY: it was edited, or written without the key")]
    Unsigned,
}

impl Shown {
    /// Of a plan.
    pub fn of(plan: &Plan, pull: u64, head: &str) -> Shown {
        Shown {
            project: plan.project.clone(),
            target: plan.target.clone(),
            pull,
            head: head.to_owned(),
            digest: plan.digest.clone(),
            changes: Some(plan.changes.iter().map(|c| c.digest.clone()).collect()),
            impacts: impacts(plan),
            cutovers: plan.cutovers.iter().map(|pending| pending.digest.clone()).collect(),
        }
    }

    /// The same, not listing the changes when their line would be longer than `most` bytes: the plan then has to be the very
    /// same. A thousand changes take 11 kB.
    pub fn within(&self, most: usize) -> Shown {
        let long = |changes: &Vec<String>| (changes.len() + self.impacts.len()) * BYTES * 4 / 3 + 500;
        match self.changes.as_ref().filter(|changes| long(changes) <= most) {
            Some(_) => self.clone(),
            None => Shown { changes: None, impacts: Vec::new(), ..self.clone() },
        }
    }

    /// What may be done because of it.
    pub fn approval(&self) -> Approval {
        let changes = self.changes.iter().flatten().chain(&self.cutovers).cloned().collect();
        let impacts = self.impacts.iter().cloned().collect();
        Approval { changes, impacts, ..Approval::of_digest(&self.digest) }
    }

    /// The waves that may be cut over because of it, and nothing else.
    pub fn in_advance(&self) -> Approval {
        Approval { changes: self.cutovers.iter().cloned().collect(), ..Approval::default() }
    }

    /// The line, signed when there is a key. The repository is part of what is signed.
    ///
    /// Base64 has no `-`, so that nothing in it ends the HTML comment.
    pub fn line(&self, repository: &str, key: Option<&Secret>) -> String {
        let list = |digests: &[String]| BASE64.encode(digests.iter().flat_map(|d| bytes(d)).collect::<Vec<u8>>());
        let changes = self.changes.as_ref().map_or_else(|| "*".to_owned(), |changes| list(changes));
        let waves = match self.cutovers.as_slice() {
            [] => String::new(),
            waves => format!(" cutovers={}", list(waves)),
        };
        let body = format!(
            "project={} target={} pull={} head={} digest={} changes={changes} impacts={}{waves}",
            BASE64.encode(&self.project),
            BASE64.encode(&self.target),
            self.pull,
            self.head,
            self.digest,
            list(&self.impacts),
        );
        let mac = |key: &Secret| BASE64.encode(signature::sign(key.expose(), &signed(repository, &body)));
        let mac = key.map(|key| format!(" mac={}", mac(key))).unwrap_or_default();
        format!("{START}{body}{mac}{END}")
    }

    /// The line itself, as it stands in a section's text.
    pub fn text(text: &str) -> Option<&str> {
        text.lines().find(|line| line.starts_with(START))
    }

    /// Reads the line out of a section's text; `None` when it has none. With a key, the line has to be signed with it.
    pub fn find(text: &str, repository: &str, key: Option<&Secret>) -> Option<Result<Shown, Unbelieved>> {
        let line = Self::text(text)?;
        Some(match line.strip_prefix(START).and_then(|l| l.strip_suffix(END)) {
            Some(inner) => Self::read(inner, repository, key),
            None => Err(Unbelieved::Unreadable),
        })
    }

    fn read(inner: &str, repository: &str, key: Option<&Secret>) -> Result<Shown, Unbelieved> {
        let (body, signature) = inner.split_once(" mac=").unwrap_or((inner, ""));
        if let Some(key) = key {
            let signature = BASE64.decode(signature).map_err(|_| Unbelieved::Unsigned)?;
            if !signature::is_signed(key.expose(), &signed(repository, body), &signature) {
                return Err(Unbelieved::Unsigned);
            }
        }
        Self::parse(body).ok_or(Unbelieved::Unreadable)
    }

    fn parse(body: &str) -> Option<Shown> {
        let members: BTreeMap<&str, &str> = body.split(' ').filter_map(|pair| pair.split_once('=')).collect();
        let text = |name: &str| String::from_utf8(BASE64.decode(members.get(name)?).ok()?).ok();
        let head = (*members.get("head")?).to_owned();
        let digest = (*members.get("digest")?).to_owned();
        if !is_digest(&digest) || head.len() != 40 || !head.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let keyed = if digest::is_keyed(&digest) { KEYED } else { "" };
        let list = |text: &str| -> Option<Vec<String>> {
            let list = BASE64.decode(text).ok()?;
            let digest = |d: &[u8]| d.iter().fold(keyed.to_owned(), |text, b| format!("{text}{b:02x}"));
            (list.len() % BYTES == 0).then(|| list.chunks(BYTES).map(digest).collect())
        };
        let changes = match *members.get("changes")? {
            "*" => None,
            text => Some(list(text)?),
        };
        let impacts = list(members.get("impacts")?)?;
        let cutovers = list(members.get("cutovers").unwrap_or(&""))?;
        let pull = members.get("pull")?.parse().ok()?;
        let (project, target) = (text("project")?, text("target")?);
        Some(Shown { project, target, pull, head, digest, changes, impacts, cutovers })
    }
}

fn impacts(plan: &Plan) -> Vec<String> {
    let of = |change: &Change| -> Vec<String> {
        change.disrupts.iter().map(|class| digest::of_impact(&change.digest, *class)).collect()
    };
    plan.changes.iter().flat_map(of).collect()
}

fn bytes(digest: &str) -> Vec<u8> {
    let digest = digest.strip_prefix(KEYED).unwrap_or(digest);
    (0..BYTES).map(|i| digest.get(2 * i..2 * i + 2).and_then(|d| u8::from_str_radix(d, 16).ok()).unwrap_or(0)).collect()
}

fn signed(repository: &str, body: &str) -> String {
    format!("plumb:approval v1\n{repository}\n{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown() -> Shown {
        Shown {
            project: "bau --> x".into(),
            target: "prod".into(),
            pull: 7,
            head: "a".repeat(40),
            digest: "0123456789abcdef".into(),
            changes: Some(vec!["00ff00ff00ff00ff".into(), "fedcba9876543210".into()]),
            impacts: vec!["0f0f0f0f0f0f0f0f".into()],
            cutovers: Vec::new(),
        }
    }

    #[test]
    fn a_line_says_what_it_was_made_of() {
        for changes in [shown().changes, Some(Vec::new()), None] {
            let shown = Shown { changes, ..shown() };
            let line = shown.line("acme/data", None);
            assert_eq!(line.matches("--").count(), 2, "{line}");
            assert_eq!(Shown::find(&format!("### x\n{line}\n"), "acme/data", None), Some(Ok(shown)));
        }
        assert_eq!(Shown::find("no line", "acme/data", None), None);
        let many = Shown { changes: Some(vec!["00ff00ff00ff00ff".into(); 2_000]), ..shown() };
        assert_eq!(many.within(30_000), many);
        let cut = many.within(10_000);
        assert_eq!((cut.changes, cut.impacts), (None, Vec::new()));
        assert!(many.line("acme/data", None).len() < 22_000);
        assert_eq!((shown().approval().changes.len(), shown().approval().impacts.len()), (2, 1));
        // Keyed digests stay keyed: the line says it once.
        let keyed = |digest: String| format!("k:{digest}");
        let Shown { digest, changes, impacts, .. } = shown();
        let changes = changes.map(|list| list.into_iter().map(keyed).collect());
        let keyed =
            Shown { digest: keyed(digest), changes, impacts: impacts.into_iter().map(keyed).collect(), ..shown() };
        assert_eq!(Shown::find(&keyed.line("acme/data", None), "acme/data", None), Some(Ok(keyed)));
    }

    #[test]
    fn waves_that_wait_are_approved_in_advance_and_alone() {
        let waves = Shown { cutovers: vec!["1111111111111111".into(), "2222222222222222".into()], ..shown() };
        let line = waves.line("acme/data", None);
        assert_eq!(Shown::find(&line, "acme/data", None), Some(Ok(waves.clone())));
        assert!(!shown().line("acme/data", None).contains("cutovers"), "a line without waves is as it was");
        let only = waves.in_advance();
        assert_eq!((only.plans.len(), only.changes.len(), only.impacts.len()), (0, 2, 0));
        assert_eq!(waves.approval().changes.len(), 4);
        // However many changes there are, they stay.
        assert_eq!(waves.within(0).cutovers, waves.cutovers);
        // The digests are part of what is signed.
        let key = Secret::new("key");
        let signed = waves.line("acme/data", Some(&key));
        assert_eq!(Shown::find(&signed, "acme/data", Some(&key)), Some(Ok(waves)));
        let without =
            signed.split(" cutovers=").next().unwrap().to_owned() + " mac=" + signed.split(" mac=").nth(1).unwrap();
        assert_eq!(Shown::find(&without, "acme/data", Some(&key)), Some(Err(Unbelieved::Unsigned)));
    }

    #[test]
    fn with_a_key_nothing_else_is_believed() {
        let (key, other) = (Secret::new("key"), Secret::new("other"));
        let line = shown().line("acme/data", Some(&key));
        let find = |line: &str, repository, key| Shown::find(line, repository, Some(key)).unwrap();
        assert_eq!(find(&line, "acme/data", &key), Ok(shown()));
        assert_eq!(find(&line, "acme/data", &other), Err(Unbelieved::Unsigned));
        assert_eq!(find(&line, "acme/other", &key), Err(Unbelieved::Unsigned));
        assert_eq!(find(&line.replace("pull=7", "pull=8"), "acme/data", &key), Err(Unbelieved::Unsigned));
        assert_eq!(find(&shown().line("acme/data", None), "acme/data", &key), Err(Unbelieved::Unsigned));
    }

    #[test]
    fn nonsense_is_not_read() {
        let line = shown().line("r", None);
        for (from, to) in [
            ("pull=7", "pull=x"),
            ("digest=0", "digest=G"),
            ("head=a", "head="),
            ("changes=", "changes=A"),
            ("impacts=", "impacts=A"),
            (" impacts=", " others="),
            ("target=", "other="),
            (" -->", ""),
        ] {
            let wrong = line.replace(from, to);
            assert_eq!(Shown::find(&wrong, "r", None), Some(Err(Unbelieved::Unreadable)), "{wrong}");
        }
    }
}
