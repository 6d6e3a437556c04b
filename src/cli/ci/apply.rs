//! `plumb ci apply`.

use super::super::Global;
use super::super::apply::{self, ApplyArgs};
use super::super::permit::{Permit, of_changes};
use super::super::session::Project;
use super::context::Context;
use crate::ci::approval::Shown;
use crate::ci::comment::{self, Frame};
use crate::ci::post::PullComments;
use crate::services::GitHub;
use crate::services::github::Pull;
use crate::settings::Clock;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::plan::approval::{Approval, ApprovalVerdict};
use plumb_core::render;
use std::collections::{BTreeMap, BTreeSet};

/// Apply, after a merge, what the pull request's comment showed
///
/// Finds the merged pull request of the commit that is checked out, reads in its comment what was approved, plans again,
/// and goes on only when the plan is that or less. Otherwise it stops with exit code 4, says in the comment what differs,
/// and how to approve it. It asks nothing. All options of `plumb apply` hold.
///
/// On a schedule (GitHub's event `schedule`, or --scheduled) it cuts waves over whose day is reached, and does nothing else: each
/// only as the pull request showed it that brought its `cutover`. What else there is to apply waits, and is said.
///
/// What is believed: a comment of the account that GITHUB_TOKEN belongs to, of the pull request's last commit. Who may
/// edit others' comments can forge one; with PLUMB_APPROVAL_KEY set for both commands, comments are signed.
#[derive(Args)]
#[command(mut_arg("plan", |a| a.hide(true)), mut_arg("yes", |a| a.hide(true)), after_help = "Examples:
  plumb ci apply --target prod
  plumb ci apply --target prod --pull-request 7 --pull-request 8
  plumb ci apply --target prod --approved 9c1f0e6a2b7d4f50
  plumb ci apply --target prod --scheduled

Exit codes: as of apply; 4 when the plan is not what was approved")]
pub struct CiApply {
    #[command(flatten)]
    apply: ApplyArgs,
    /// Number of a merged pull request; may be repeated [default: the one whose merge is checked out]
    #[arg(long, value_name = "N")]
    pull_request: Vec<u64>,
    /// Do nothing but cut waves over that were approved in advance [default: in runs of GitHub's event `schedule`]
    #[arg(long, conflicts_with_all = ["pull_request", "approved"])]
    scheduled: bool,
    /// Login whose comment is believed [default: whoever GITHUB_TOKEN belongs to]
    #[arg(long, value_name = "LOGIN", env = "PLUMB_COMMENT_AUTHOR")]
    comment_author: Option<String>,
}

/// What was approved, and where it is said.
struct ApprovedPlan {
    pull: u64,
    shown: Shown,
    /// The line that says so, to be left as it is: whoever has no key could not sign it again.
    line: String,
}

/// Applies what was approved.
pub async fn run(global: &Global, mut args: CiApply, ui: &Ui) -> Result<ExitCode, Failure> {
    if let Some(path) = &args.apply.seen.plan {
        let failure = Failure::usage(format!("{}: `ci apply` takes no saved plan", path.display()));
        return Err(
            failure.hint("what was approved stands in the comment; `--approved FILE` takes a saved plan instead")
        );
    }
    let context = Context::read()?;
    let project = Project::load(global, &args.apply.targeted, ui)?;
    args.apply.yes = true;
    let author = args.comment_author.as_deref();
    if args.scheduled || context.runner.event_name.as_deref() == Some("schedule") && args.apply.seen.approved.is_none()
    {
        let found = in_advance(&context, &project, author, ui).await?;
        let all = found.iter().map(|(_, f)| f.shown.in_advance()).fold(Approval::default(), Approval::and);
        let permit = Permit::in_advance(all);
        let ended = apply::run_with(global, args.apply, &permit, ui).await;
        // Only the pull requests of what was done hear of it: this runs every hour.
        let done = permit.found().plan.map(|plan| plan.changes).unwrap_or_default();
        let is_of = |shown: &Shown| done.iter().any(|change| shown.cutovers.contains(&change.digest));
        let (pulls, found): (Vec<Pull>, Vec<ApprovedPlan>) =
            found.into_iter().filter(|(_, found)| is_of(&found.shown)).unzip();
        report(&context, &permit, &pulls, &found, author, &ended, ui).await;
        return ended;
    }
    let pulls = merged(&context, &project, &args, ui).await?;
    let (permit, found) = match &args.apply.seen.approved {
        // A person says it: the comments only hear how it ends.
        Some(_) => {
            (args.apply.seen.permit(Some(&project.dir))?, approved(&context, &project, &pulls, author, &|_| {}).await?)
        }
        None => {
            let found = approved(&context, &project, &pulls, author, &|why| ui.warn(why)).await?;
            let all = found.iter().map(|f| f.shown.approval()).fold(Approval::default(), Approval::and);
            for found in &found {
                ui.status(&format!("pull request #{} showed the plan {}", found.pull, found.shown.digest));
            }
            (Permit::approved(all), found)
        }
    };
    let ended = apply::run_with(global, args.apply, &permit, ui).await;
    report(&context, &permit, &pulls, &found, author, &ended, ui).await;
    ended
}

/// The pull requests that brought the `cutover` of the waves whose day is reached, and that of the commit: what each showed.
async fn in_advance(
    context: &Context,
    project: &Project,
    author: Option<&str>,
    ui: &Ui,
) -> Result<Vec<(Pull, ApprovedPlan)>, Failure> {
    let clock = Clock::read().map_err(Failure::usage)?;
    let commits = project.cutover_commits(clock.now(), |_| true);
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let head = head(context, project)?;
    let mut ids: BTreeSet<String> = commits.into_iter().map(|(_, commit)| commit.id).collect();
    ids.insert(head.clone());
    let mut pulls: BTreeMap<u64, Pull> = BTreeMap::new();
    let contains = |merge: &str| {
        let repo = project.repo.as_ref();
        repo.is_some_and(|r| r.merge_base(merge, &head).is_ok_and(|base| base.as_deref() == Some(merge)))
    };
    for id in ids {
        // Blame says twelve characters.
        let whole = project.repo.as_ref().and_then(|repo| repo.resolve(&id).ok()).unwrap_or(id);
        let all = context.github()?.pulls_of_commit(&whole).await.map_err(|f| {
            Failure::error(format!("looking for the pull request of {whole} failed: {f}; nothing was sent"))
        })?;
        let is_merged =
            |pull: &Pull| pull.merged_at.is_some() && pull.merge_commit_sha.as_deref().is_some_and(contains);
        pulls.extend(all.into_iter().filter(is_merged).map(|pull| (pull.number, pull)));
    }
    let mut found = Vec::new();
    for (number, pull) in pulls {
        match of_pull(context, project, &pull, author).await? {
            Ok((shown, line)) if !shown.cutovers.is_empty() => {
                ui.status(&format!("pull request #{number} approved {} in advance", waves(shown.cutovers.len())));
                found.push((pull, ApprovedPlan { pull: number, shown, line }));
            }
            Ok(_) => {}
            Err(why) => ui.warn(&format!("pull request #{number} approves nothing in advance: {why}")),
        }
    }
    Ok(found)
}

fn waves(count: usize) -> String {
    if count == 1 { "1 wave".to_owned() } else { format!("{count} waves") }
}

/// The merged pull requests that this is about.
async fn merged(context: &Context, project: &Project, args: &CiApply, ui: &Ui) -> Result<Vec<Pull>, Failure> {
    let by_digest = args.apply.seen.approved.is_some();
    if by_digest && context.github.is_none() {
        return Ok(Vec::new());
    }
    let github = context.github()?;
    let stale = |message: String| Failure::new(ExitCode::Stale, message);
    let head = head(context, project)?;
    let mut pulls = Vec::new();
    if args.pull_request.is_empty() {
        let all = github.pulls_of_commit(&head).await.map_err(|f| {
            Failure::error(format!("looking for the pull request of {head} failed: {f}; nothing was sent"))
        })?;
        let is_its = |p: &Pull| p.merged_at.is_some() && p.merge_commit_sha.as_deref() == Some(&head);
        pulls.extend(all.into_iter().filter(is_its));
        if pulls.is_empty() && !by_digest {
            let short = head.get(..12).unwrap_or(&head);
            ui.warn(&format!(
                "no pull request was merged as {short}, so nobody approved a plan; name one with --pull-request N"
            ));
        }
    }
    for number in &args.pull_request {
        let pull = github
            .pull(*number)
            .await
            .map_err(|f| Failure::error(format!("reading pull request #{number} failed: {f}; nothing was sent")))?;
        let merge = pull.merge_commit_sha.clone().filter(|_| pull.merged_at.is_some());
        let Some(merge) = merge else {
            return Err(stale(format!("pull request #{number} is not merged; nothing was sent")));
        };
        let repo = project.repo.as_ref();
        let contained = repo.is_some_and(|r| r.merge_base(&merge, &head).is_ok_and(|b| b.as_ref() == Some(&merge)));
        if !contained {
            return Err(stale(format!("what is checked out does not have pull request #{number}; nothing was sent"))
                .hint("check out the branch that it was merged into, with its history (`fetch-depth: 0`)"));
        }
        pulls.push(pull);
    }
    if let [one] = pulls.as_slice() {
        ui.detail(&format!("the commit came by pull request #{}", one.number));
    }
    Ok(pulls)
}

/// The commit that is checked out.
fn head(context: &Context, project: &Project) -> Result<String, Failure> {
    let unknown =
        |why: &str| Failure::error(format!("the commit that is checked out cannot be told: {why}; nothing was sent"));
    let repo = project.repo.as_ref().ok_or_else(|| unknown("this is no git repository"))?;
    let head =
        repo.head(&project.paths()).map_err(|e| unknown(&e.to_string()))?.ok_or_else(|| unknown("there is none"))?;
    match &context.runner.sha {
        Some(sha) if *sha != head.id && context.event.after.as_ref() == Some(sha) => {
            Err(Failure::error(format!("{} is checked out, and the run is for {sha}; nothing was sent", head.id))
                .hint("check out the commit that was pushed: `actions/checkout` does so by itself"))
        }
        _ => Ok(head.id),
    }
}

/// Reads what was approved in the comments of all pull requests. Where nothing was, it is said why, and nothing is what may be
/// done: whether that is too little the plan shows.
async fn approved(
    context: &Context,
    project: &Project,
    pulls: &[Pull],
    author: Option<&str>,
    warn: &dyn Fn(&str),
) -> Result<Vec<ApprovedPlan>, Failure> {
    let mut found = Vec::new();
    for pull in pulls {
        match of_pull(context, project, pull, author).await? {
            Ok((shown, line)) => found.push(ApprovedPlan { pull: pull.number, shown, line }),
            Err(why) => warn(&format!("pull request #{} approves nothing: {why}", pull.number)),
        }
    }
    Ok(found)
}

/// What a pull request's comment showed, or why it is not believed.
async fn of_pull(
    context: &Context,
    project: &Project,
    pull: &Pull,
    author: Option<&str>,
) -> Result<Result<(Shown, String), String>, Failure> {
    let github = context.github()?;
    let (name, target) = (&project.desired.project.name, &project.desired.target.name);
    let number = pull.number;
    let text = section(github, number, author, &comment::section(name, target)).await?;
    let Some(text) = text else {
        return Ok(Err(format!("plumb showed no plan for target {target} there")));
    };
    let shown = match Shown::find(&text, github.repository(), context.key.as_ref()) {
        None => return Ok(Err(format!("its comment has no plan for target {target}"))),
        Some(Err(e)) => return Ok(Err(format!("its comment is not believed: {e}"))),
        Some(Ok(shown)) => shown,
    };
    if (&shown.project, &shown.target, shown.pull) != (name, target, number) {
        return Ok(Err("its comment is not believed: its hidden line is of something else".into()));
    }
    if shown.head != pull.head.sha {
        let short = |sha: &str| sha.get(..12).unwrap_or(sha).to_owned();
        let (shown, head) = (short(&shown.head), short(&pull.head.sha));
        return Ok(Err(format!("the plan in its comment is of {shown}, and what was merged is {head}")));
    }
    let line = Shown::text(&text).unwrap_or_default().to_owned();
    Ok(Ok((shown, line)))
}

async fn section(github: &GitHub, pull: u64, author: Option<&str>, name: &str) -> Result<Option<String>, Failure> {
    let failed =
        |f| Failure::error(format!("reading the comments of pull request #{pull} failed: {f}; nothing was sent"));
    let author = github.writes_as(author).await.map_err(failed)?;
    PullComments { github, pull, author: &author }.read(name).await.map_err(failed)
}

/// Says in the comments how it ended. That something cannot be said there changes nothing of what was done.
async fn report(
    context: &Context,
    permit: &Permit,
    pulls: &[Pull],
    found: &[ApprovedPlan],
    author: Option<&str>,
    ended: &Result<ExitCode, Failure>,
    ui: &Ui,
) {
    let held = permit.found();
    let Some(plan) = held.plan else { return };
    let run = context.runner.run_url();
    let counts = held.ended.as_ref().map_or_else(String::new, |counts| format!("{counts}, "));
    let how = match ended {
        Ok(ExitCode::Ok) if plan.changes.is_empty() => "There was nothing left to apply.".to_owned(),
        Ok(ExitCode::Ok) => "Applied.".to_owned(),
        Ok(code) => format!("Not wholly applied: {counts}exit code {}.", code.code()),
        // Stopped at once: what was in flight may have been done.
        Err(failure) if failure.exit == ExitCode::Interrupted => {
            format!("Interrupted, exit code {}: {}", failure.exit.code(), render::code(&failure.message))
        }
        Err(failure) => {
            format!("Not applied, exit code {}: {}", failure.exit.code(), render::code(&failure.message))
        }
    };
    let code = match ended {
        Ok(code) => *code,
        Err(failure) => failure.exit,
    };
    let text = |line: Option<&str>, budget: usize| {
        let frame = Frame { run: run.as_deref(), budget };
        match &held.verdict {
            Some(ApprovalVerdict::More { changes: more, .. }) => {
                comment::refused(&plan, &of_changes(&plan, |c| more.contains(&c.address)), line, &frame)
            }
            _ => comment::ended(&how, matches!(ended, Ok(ExitCode::Ok)), &plan, line, &frame),
        }
    };
    if let Err(e) = context.step(&plan, code.code(), &|budget| text(None, budget)) {
        ui.warn(&e.message);
    }
    let name = comment::section(&plan.project, &plan.target);
    for pull in pulls {
        // The approval stays what it was: the job may be run again.
        let line = found.iter().find(|f| f.pull == pull.number).map(|f| f.line.as_str());
        let make = |budget: usize| text(line, budget);
        if let Err(e) = context.comment(pull.number, author, &name, &make, ui).await {
            ui.warn(&e.message);
        }
    }
}
