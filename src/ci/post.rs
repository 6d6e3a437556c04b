//! Writing a section of a pull request's comment.

use super::comment::{BUDGET, Body, ROOM};
use crate::services::GitHub;
use crate::services::github::Comment;
use plumb_model::call::ServiceError;
use std::time::Duration;

/// How often it is tried. Another job may write the same comment at the same time, and GitHub has no way to write only what
/// nobody else has changed.
const TRIES: u32 = 6;
/// How long after a write it is looked whether it is still there: somebody who read the comment before may write over it
/// until then.
const SETTLED: Duration = Duration::from_millis(500);
/// A section is not made smaller than that.
const SMALLEST: usize = 3_000;

/// Where sections are looked for and written.
pub struct PullComments<'a> {
    pub github: &'a GitHub,
    pub pull: u64,
    /// Whose comments are one's own.
    pub author: &'a str,
}

impl PullComments<'_> {
    async fn own(&self) -> Result<Vec<(Comment, Body)>, ServiceError> {
        let all = self.github.comments(self.pull).await?;
        let own = all.into_iter().filter(|c| c.is_by(self.author));
        Ok(own.filter_map(|c| Body::parse(c.text()).map(|body| (c, body))).collect())
    }

    /// The text of a section; `None` when nobody, or only somebody else, wrote one.
    pub async fn read(&self, section: &str) -> Result<Option<String>, ServiceError> {
        Ok(self.own().await?.iter().find_map(|(_, body)| body.get(section).map(str::to_owned)))
    }

    /// Writes a section, which `make` makes of at most so many bytes, and looks whether it is there.
    pub async fn write(&self, section: &str, make: &dyn Fn(usize) -> String) -> Result<Comment, ServiceError> {
        let mut budget = BUDGET;
        let mut last = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                // Apart from the other job, which waits as long as its own number says.
                let spread = u64::from(std::process::id() % 7) * 40;
                tokio::time::sleep(Duration::from_millis(u64::from(attempt) * 60 + spread)).await;
            }
            let mut own = self.own().await?;
            let at = own.iter().position(|(_, body)| body.get(section).is_some());
            let at = at.or_else(|| own.iter().rposition(|(_, body)| body.room(section) >= ROOM));
            let (comment, mut body) = match at {
                Some(at) => {
                    let (comment, body) = own.swap_remove(at);
                    (Some(comment), body)
                }
                None => (None, Body::default()),
            };
            let text = make(budget.min(body.room(section)));
            body.put(section, &text);
            let written = match &comment {
                Some(comment) if comment.text() == body.text() => return Ok(comment.clone()),
                Some(comment) => self.github.update_comment(comment.id, &body.text()).await,
                None => self.github.create_comment(self.pull, &body.text()).await,
            };
            match written {
                Ok(comment) => {
                    tokio::time::sleep(SETTLED).await;
                    let now = match self.github.comment(comment.id).await {
                        Ok(now) => now,
                        // It was written; whether it stayed the next look says.
                        Err(fault) if fault.may_pass() => {
                            last = Some(fault);
                            continue;
                        }
                        Err(fault) => return Err(fault),
                    };
                    if Body::parse(now.text())
                        .is_some_and(|b| b.get(section).map(str::trim_end) == Some(text.trim_end()))
                    {
                        return Ok(now);
                    }
                    last = Some(lost(self.github, "another job writes the same comment at the same time"));
                }
                // What GitHub counts and how is not written down, so a refusal means: less.
                Err(fault @ ServiceError::Refused { status: 422, .. }) if budget / 2 >= SMALLEST => {
                    budget /= 2;
                    last = Some(fault);
                }
                // It may be there: then the next look finds it.
                Err(fault) if fault.may_have_happened() => last = Some(fault),
                Err(fault) => return Err(fault),
            }
        }
        Err(last.unwrap_or_else(|| lost(self.github, "it was tried too often")))
    }
}

fn lost(github: &GitHub, why: &str) -> ServiceError {
    ServiceError::Lost { line: format!("comment in {}", github.repository()), why: why.to_owned() }
}
