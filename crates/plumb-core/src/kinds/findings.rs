//! What a kind's own check finds, beside what could not be read at all.

use plumb_model::yaml::{Gaps, Problem, Problems};

/// What a kind's own check finds: a place in the spec, what is wrong there, how to fix it.
#[derive(Clone, Debug, Default)]
pub struct Findings<'n>(pub Vec<Finding>, Option<Gaps<'n>>, Vec<String>);

/// One finding of a kind's own check. `path` is in the notation of the reader: `tasks[0].depends_on[1].task_key`.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub path: String,
    pub message: String,
    pub label: String,
    /// How to fix it, when the label does not say.
    pub help: Option<String>,
    /// Whether what stands there is a secret, and is not to be shown.
    pub secret: bool,
    /// No mistake, and yet worth knowing: the short, stable name of what is checked.
    pub note: Option<&'static str>,
}

impl<'n> Findings<'n> {
    /// None yet, of a spec of which some parts could not be read.
    pub fn besides(gaps: Gaps<'n>) -> Findings<'n> {
        Findings(Vec::new(), Some(gaps), Vec::new())
    }

    /// The same, of a spec in which these lists are additive.
    pub(super) fn with_additive(self, members: Vec<String>) -> Findings<'n> {
        Findings(self.0, self.1, members)
    }

    /// Whether the manifest says of a list that it is additive: what it does not name is left alone.
    pub fn is_additive(&self, member: &str) -> bool {
        self.2.iter().any(|one| one == member)
    }

    /// Records a finding.
    pub fn at(&mut self, path: impl Into<String>, message: impl Into<String>, label: impl Into<String>) {
        self.add(path, message, label);
    }

    /// Records a finding whose label does not say how to fix it.
    pub fn at_with_help(
        &mut self,
        path: impl Into<String>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(path, message, label).help = Some(help.into());
    }

    fn add(&mut self, path: impl Into<String>, message: impl Into<String>, label: impl Into<String>) -> &mut Finding {
        let finding = Finding {
            path: path.into(),
            message: message.into(),
            label: label.into(),
            help: None,
            secret: false,
            note: None,
        };
        self.0.push(finding);
        let last = self.0.len() - 1;
        &mut self.0[last]
    }

    /// Records a finding about a secret that stands in plain text: its place is told, and not shown.
    pub fn at_secret(&mut self, path: impl Into<String>, message: impl Into<String>, label: impl Into<String>) {
        self.add(path, message, label).secret = true;
    }

    /// Records what is no mistake, and yet worth knowing.
    pub fn note(
        &mut self,
        name: &'static str,
        path: impl Into<String>,
        message: impl Into<String>,
        label: impl Into<String>,
        help: impl Into<String>,
    ) {
        let finding = self.add(path, message, label);
        (finding.note, finding.help) = (Some(name), Some(help.into()));
    }

    /// Whether all that the manifest says at a path could be read. A check that something is missing, or is not among
    /// what stands there, means nothing otherwise.
    pub fn is_whole(&self, path: &str) -> bool {
        self.1.as_ref().is_none_or(|gaps| gaps.is_whole(path))
    }

    /// Reports what was found at its places, without what may only follow from what could not be read.
    pub(super) fn tell(self, problems: &mut Problems, notes: &mut Vec<(&'static str, Problem)>) {
        let Findings(list, Some(gaps), _) = self else { return };
        for finding in list.into_iter().filter(|finding| !gaps.explain(&finding.path)) {
            let problem = Problem {
                span: Some(gaps.node.at(&finding.path).span),
                help: finding.help,
                secret: finding.secret,
                ..Problem::new(finding.message, finding.label)
            };
            match finding.note {
                Some(name) => notes.push((name, problem)),
                None => drop(problems.push(problem)),
            }
        }
    }
}
