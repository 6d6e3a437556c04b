//! What the `ci` commands know of the run, and how they report to it.

use crate::ci::comment::{self, BUDGET, Frame};
use crate::ci::post::PullComments;
use crate::ci::{Event, Runner, workflow};
use crate::services::github::{Comment, GitHub};
use crate::services::{Secret, fresh_id};
use crate::settings;
use crate::ui::{Failure, Ui};
use plumb_core::plan::Plan;
use plumb_core::render;
use plumb_model::call::ServiceError;
use std::io::Write;
use std::path::Path;

/// The most bytes of a step's summary: GitHub refuses a file above 1 MiB whole.
const SUMMARY: usize = 1_000_000;

/// The run.
pub struct Context {
    pub runner: Runner,
    pub event: Event,
    /// `None` outside GitHub.
    pub github: Option<GitHub>,
    /// `PLUMB_APPROVAL_KEY`.
    pub key: Option<Secret>,
}

impl Context {
    /// Reads the environment.
    pub fn read() -> Result<Context, Failure> {
        let runner = Runner::read(&settings::env);
        let event = runner.event().map_err(Failure::error)?;
        let config = runner.github().map_err(|e| Failure::error(format!("GitHub: {e}")))?;
        let github = config.map(GitHub::new).transpose().map_err(|e| Failure::error(format!("GitHub: {e}")))?;
        let key = settings::approval_key().map(Secret::new);
        Ok(Context { runner, event, github, key })
    }

    /// GitHub, or what is missing for it.
    pub fn github(&self) -> Result<&GitHub, Failure> {
        self.github.as_ref().ok_or_else(|| {
            Failure::error("GITHUB_REPOSITORY is not set, so there is no pull request to look at")
                .hint("outside GitHub Actions, `plumb apply --approved DIGEST` does the same")
        })
    }

    /// Writes a section of the pull request's comment. A token that may not (a fork's) is no failure: what would stand there
    /// is in the step's summary.
    pub async fn comment(
        &self,
        pull: u64,
        author: Option<&str>,
        section: &str,
        make: &dyn Fn(usize) -> String,
        ui: &Ui,
    ) -> Result<(), Failure> {
        let github = self.github()?;
        let said =
            |what: &str, fault: ServiceError| Failure::error(format!("{what} pull request #{pull} failed: {fault}"));
        let login = github.writes_as(author).await.map_err(|f| said("finding out who comments on", f))?;
        let place = PullComments { github, pull, author: &login };
        match place.write(section, make).await {
            Ok(comment) => {
                same_author(&comment, &login, ui);
                ui.status(&format!("wrote {}", comment.html_url));
                Ok(())
            }
            Err(ServiceError::Refused { status: 403, message, .. }) => {
                ui.warn(&format!(
                    "no comment: the token may not write to pull request #{pull} ({message}). A job for a fork's pull request has \
                     such a token; others need `permissions: pull-requests: write`"
                ));
                Ok(())
            }
            Err(fault) => Err(said("commenting on", fault)),
        }
    }

    /// Writes the step's summary and its outputs, where the runner takes them.
    pub fn step(&self, plan: &Plan, exit: u8, summary: &dyn Fn(usize) -> String) -> Result<(), Failure> {
        if let Some(path) = &self.runner.step_summary {
            let used = std::fs::metadata(path).map(|m| m.len() as usize).unwrap_or(0);
            append(path, &summary(SUMMARY.saturating_sub(used)), "GITHUB_STEP_SUMMARY")?;
        }
        match &self.runner.output {
            Some(path) => append(path, &workflow::outputs(plan, exit), "GITHUB_OUTPUT"),
            None => Ok(()),
        }
    }

    /// Prints a plan, and annotations for the runner.
    pub fn print(&self, plan: &Plan, ui: &Ui) -> Result<(), Failure> {
        let text = render::text(plan, render::Style { colour: ui.colour, width: ui.width });
        if !self.runner.is_actions {
            return ui.data(&text);
        }
        let id = fresh_id().map_err(Failure::error)?;
        ui.data(&workflow::inert(&text, &format!("plumb-{id}")))?;
        ui.data(&workflow::annotations(plan))
    }
}

/// A comment that is another account's than was expected would never be found again.
fn same_author(comment: &Comment, login: &str, ui: &Ui) {
    if let Some(user) = comment.user.as_ref().filter(|user| !user.login.eq_ignore_ascii_case(login)) {
        let name = &user.login;
        ui.warn(&format!(
            "the comment is by {name}, not by {login}: give `--comment-author {name}`, or it will not be believed"
        ));
    }
}

fn append(path: &Path, text: &str, name: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|e| Failure::error(format!("{name} {}: {e}", path.display())))
}

/// A section for what has no plan.
pub fn failed(failure: &Failure, run: Option<&str>) -> impl Fn(usize) -> String + use<> {
    let (message, detail, run) = (failure.message.clone(), failure.detail.clone(), run.map(str::to_owned));
    move |budget| {
        let frame = Frame { run: run.as_deref(), budget: budget.min(BUDGET) };
        comment::failed(&message, detail.as_deref(), &frame)
    }
}
