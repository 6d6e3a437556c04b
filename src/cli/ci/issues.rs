//! Keeping issues at GitHub: those with a label that one's own account wrote.

use crate::ci::Runner;
use crate::ci::issues::IssueChange;
use crate::services::github::{GitHub, Issue, IssueEdit};
use crate::ui::Ui;
use plumb_model::call::ServiceError;

/// The issues of a repository with a label.
pub struct IssueKeeper<'a> {
    github: GitHub,
    label: &'static str,
    login: Option<&'a str>,
    run: Option<String>,
    ui: &'a Ui,
}

/// What is to be done to one's own issues, and the address of the run that does it.
pub type Steps<'a> = dyn FnMut(&[Issue], Option<&str>) -> Vec<IssueChange> + Send + 'a;

impl<'a> IssueKeeper<'a> {
    /// The repository that the environment names; `None` where it names none. `login`: the account that the token writes as, where
    /// GitHub does not say.
    ///
    /// # Errors
    /// The environment has no token, or is wrong otherwise.
    pub fn of(
        runner: &Runner,
        label: &'static str,
        login: Option<&'a str>,
        ui: &'a Ui,
    ) -> Result<Option<IssueKeeper<'a>>, String> {
        let Some(config) = runner.github().map_err(|e| e.to_string())? else {
            ui.detail("no issue is kept: the environment has no GITHUB_REPOSITORY");
            return Ok(None);
        };
        if runner.token.is_none() {
            return Err(
                "the environment has no GITHUB_TOKEN; give it one that may write issues, or say --no-issue".into()
            );
        }
        let github = GitHub::new(config).map_err(|e| e.to_string())?;
        Ok(Some(IssueKeeper { github, label, login, run: runner.run_url(), ui }))
    }

    /// Carries out what is to be done, and answers the address of the last issue that was changed. `open_only`: those that were
    /// closed are not looked at, and nobody but plumb is asked before one is closed; else one that somebody wrote in stays open.
    ///
    /// # Errors
    /// GitHub refuses, or does not say whether it was done.
    pub async fn keep(&self, open_only: bool, steps: &mut Steps<'_>) -> Result<Option<String>, String> {
        self.work(open_only, steps).await.map_err(|fault| {
            if fault.may_have_happened() {
                format!("{fault}; it may have been done all the same, and the next run looks")
            } else {
                fault.to_string()
            }
        })
    }

    async fn work(&self, open_only: bool, steps: &mut Steps<'_>) -> Result<Option<String>, ServiceError> {
        let github = &self.github;
        let me = github.writes_as(self.login).await?;
        let mine = github.issues(&[self.label], Some(&me), open_only).await?;
        let mut address = None;
        for step in steps(&mine, self.run.as_deref()) {
            let (done, issue) = match step {
                IssueChange::Open { title, body } => ("opened", self.open(&me, &title, &body).await?),
                IssueChange::Edit { number, body } => {
                    let edit = IssueEdit { body: Some(body), ..IssueEdit::default() };
                    ("edited", github.update_issue(number, &edit).await?)
                }
                IssueChange::Reopen { number, body } => {
                    let edit = IssueEdit { body: Some(body), open: Some(true), ..IssueEdit::default() };
                    ("opened again", github.update_issue(number, &edit).await?)
                }
                IssueChange::Close { number, why } => {
                    if !open_only && github.comments(number).await?.iter().any(|comment| !comment.is_by(&me)) {
                        self.ui.status(&format!("issue #{number} stays open, as somebody wrote in it: {why}"));
                        continue;
                    }
                    let seen = self.run.as_ref().map(|run| format!(" Seen by {run}.")).unwrap_or_default();
                    self.say(&me, number, &format!("{why}{seen}")).await?;
                    let edit = IssueEdit { open: Some(false), ..IssueEdit::default() };
                    ("closed", github.update_issue(number, &edit).await?)
                }
            };
            self.ui.status(&format!("{done} issue #{}", issue.number));
            address = Some(issue.html_url);
        }
        Ok(address)
    }

    /// Opens the issue. When GitHub does not say whether it did, it is looked for: the next run would find it as well.
    async fn open(&self, me: &str, title: &str, body: &str) -> Result<Issue, ServiceError> {
        match self.github.create_issue(title, body, &[self.label]).await {
            Err(fault) if fault.may_have_happened() => {
                let mine = self.github.issues(&[self.label], Some(me), true).await?;
                mine.into_iter().find(|issue| issue.title == title && issue.body.as_deref() == Some(body)).ok_or(fault)
            }
            opened => opened,
        }
    }

    /// Writes a comment. When GitHub does not say whether it did, it is looked for, so that nobody reads it twice.
    async fn say(&self, me: &str, number: u64, text: &str) -> Result<(), ServiceError> {
        match self.github.create_comment(number, text).await {
            Err(fault) if fault.may_have_happened() => {
                let all = self.github.comments(number).await?;
                if all.iter().any(|c| c.is_by(me) && c.text() == text) { Ok(()) } else { Err(fault) }
            }
            said => said.map(drop),
        }
    }
}
