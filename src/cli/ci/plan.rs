//! `plumb ci plan`.

use super::super::interrupt::stoppable;
use super::super::session::Project;
use super::super::{Global, Irreversible, Selected, Targeted, validate};
use super::context::{Context, failed};
use crate::ci::approval::Shown;
use crate::ci::comment::{self, Frame};
use crate::ci::workflow;
use crate::disk::Disk;
use crate::git::{GitError, Repo};
use crate::services::github::Pull;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::manifest::ManifestSource;
use plumb_core::plan::Plan;

/// Plan a pull request and keep one comment on it up to date
///
/// Each target has a section in the comment, which says what merging approves: `plumb ci apply` does that or less. The
/// plan is also the step's summary; counts and the digest are its outputs (changes, create, update, replace, delete,
/// adopt, move, drifted, blocked, exitcode, digest), and lines of manifests get annotations. Without a pull request there
/// is no comment, and all else is the same.
///
/// The manifests of a fork see no variable of the environment, and its plumb.yaml has to be that of the base branch: it
/// says where credentials are sent. With --at the manifests are read out of git, so that nothing of the branch has to be
/// checked out. In a `workflow_run`, the pull request has to be the one that the run was of.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb ci plan --target prod --base origin/main
  plumb ci plan --target prod --pull-request 7 --detailed-exitcode
  plumb ci plan --base origin/main --pull-request 7 --at refs/plumb/pull

Exit codes: 0 planned, 1 error, 2 there are changes (--detailed-exitcode), 3 something is blocked")]
pub struct CiPlan {
    #[command(flatten)]
    targeted: Targeted,
    /// Tell apart what this branch changes since it left REV from what had drifted before
    #[arg(long, value_name = "REV")]
    base: Option<String>,
    /// Number of the pull request [default: that of the event in GITHUB_EVENT_PATH]
    #[arg(long, value_name = "N")]
    pull_request: Option<u64>,
    /// Read the manifests of commit REV out of git, and nothing of the working tree; it has to be the pull request's head
    #[arg(long, value_name = "REV")]
    at: Option<String>,
    /// Login whose comment is the one to update [default: whoever GITHUB_TOKEN belongs to]
    #[arg(long, value_name = "LOGIN", env = "PLUMB_COMMENT_AUTHOR")]
    comment_author: Option<String>,
    /// Exit with 2 when there are changes (and with 3 when something is blocked, as ever)
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    irreversible: Irreversible,
}

/// Plans, and says so everywhere.
pub async fn run(global: &Global, args: CiPlan, ui: &Ui) -> Result<ExitCode, Failure> {
    let context = Context::read()?;
    let pull = pull(&context, args.pull_request).await?;
    match &pull {
        Some(pull) => {
            // Before anything is written: a number that somebody made up must not reach another pull request's comment.
            of_this_run(&context, pull)?;
            at_its_head(global, &args, pull)?;
        }
        None => of_no_fork(&context)?,
    }
    let planned = decide(&context, global, &args, pull.as_ref(), ui).await;
    let run = context.runner.run_url();
    let (plan, head) = match planned {
        Ok(planned) => planned,
        Err(failure) => return Err(say_failed(&context, global, &args, pull.as_ref(), failure, ui).await),
    };
    let exit = super::super::plan::ended(&plan, args.detailed_exitcode);
    context.print(&plan, ui)?;
    let number = pull.as_ref().map_or(0, |p| p.number);
    let shown = Shown::of(&plan, number, &head);
    let repository = context.github.as_ref().map(|g| g.repository().to_owned()).unwrap_or_default();
    let text = |budget: usize| {
        let shown = shown.within(budget / 2);
        let line = shown.line(&repository, context.key.as_ref());
        comment::preview(&plan, &shown, &line, &Frame { run: run.as_deref(), budget })
    };
    context.step(&plan, exit.code(), &text)?;
    if let Some(pull) = &pull {
        let section = comment::section(&plan.project, &plan.target);
        context.comment(pull.number, args.comment_author.as_deref(), &section, &text, ui).await?;
    }
    Ok(exit)
}

/// The pull request that this is about.
async fn pull(context: &Context, number: Option<u64>) -> Result<Option<Pull>, Failure> {
    let event = context.event.pull_request.clone();
    match (number, event) {
        (Some(number), Some(event)) if event.number == number => Ok(Some(event)),
        (Some(number), _) => match context.github()?.pull(number).await {
            Ok(pull) => Ok(Some(pull)),
            Err(fault) => Err(Failure::error(format!("reading pull request #{number} failed: {fault}"))),
        },
        (None, event) => Ok(event),
    }
}

/// Makes sure that the pull request is the one whose run this one follows: its number may come from the branch.
fn of_this_run(context: &Context, pull: &Pull) -> Result<(), Failure> {
    let Some(run) = &context.event.workflow_run else { return Ok(()) };
    let own = pull.head.repo.as_ref().zip(run.head_repository.as_ref());
    if run.head_sha == pull.head.sha && own.is_none_or(|(own, of_run)| own.full_name == of_run.full_name) {
        return Ok(());
    }
    Err(not_of(pull, &format!("the run that this one follows was of {}", short(&run.head_sha))))
}

/// Makes sure that no fork is planned as if it were the repository's own: which it is, its pull request says.
fn of_no_fork(context: &Context) -> Result<(), Failure> {
    let own = context.runner.repository.as_deref();
    let of_run =
        context.event.workflow_run.as_ref().map(|run| run.head_repository.as_ref().map(|r| r.full_name.as_str()));
    match of_run {
        Some(from) if from.is_none() || from != own => Err(Failure::new(
            ExitCode::Guard,
            "the run that this one follows was of a fork, and no pull request is named; nothing was sent",
        )
        .hint("name it with --pull-request")),
        _ => Ok(()),
    }
}

/// Makes sure that `--at` is the head of the pull request, and nothing else.
fn at_its_head(global: &Global, args: &CiPlan, pull: &Pull) -> Result<(), Failure> {
    let Some(rev) = &args.at else { return Ok(()) };
    let unknown = |why: String| Failure::error(format!("--at {rev}: {why}")).hint("nothing was sent");
    let dir = settings::project_dir(global.project.as_deref()).map_err(Failure::error)?;
    let repo = Repo::open(&dir).map_err(|e| unknown(e.to_string()))?;
    let repo = repo.ok_or_else(|| unknown("this is no git repository".into()))?;
    match repo.resolve(rev).map_err(|e| unknown(e.to_string()))? {
        commit if commit == pull.head.sha => Ok(()),
        commit => Err(not_of(pull, &format!("--at {rev} is {}", short(&commit)))),
    }
}

fn not_of(pull: &Pull, what: &str) -> Failure {
    let (number, head) = (pull.number, short(&pull.head.sha));
    Failure::new(
        ExitCode::Guard,
        format!("{what}, which is not the head of pull request #{number} ({head}); nothing was sent"),
    )
    .hint("the newest push has a run of its own; a number that belongs to another commit was made up by somebody")
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// How the manifests are read.
fn targeted(args: &CiPlan, pull: Option<&Pull>) -> Targeted {
    Targeted { sealed: pull.is_some_and(Pull::is_fork), at: args.at.clone(), ..args.targeted.clone() }
}

/// The plan, and the commit that it is of: the pull request's head, where there is one.
async fn decide(
    context: &Context,
    global: &Global,
    args: &CiPlan,
    pull: Option<&Pull>,
    ui: &Ui,
) -> Result<(Plan, String), Failure> {
    let fork = pull.is_some_and(Pull::is_fork);
    let mut project = Project::load(global, &targeted(args, pull), ui).map_err(|failure| {
        if fork { failure.hint("the manifests of a fork see no variable of the environment") } else { failure }
    })?;
    let head = checked_out(context, &project, pull)?;
    if let Some(pull) = pull.filter(|p| p.is_fork()) {
        same_project(&project, pull)?;
        project.hide_environment();
        ui.status("the pull request is from a fork: its manifests are read as data, without the environment");
    }
    let mut session = project.connect(ui).await?;
    session.allow_teardown(args.irreversible.allow_teardown);
    let all = Selected::default();
    let decided = stoppable(&session, session.decide(&all, args.base.as_deref(), ui)).await?;
    let mut plan = decided.decision.plan;
    if pull.is_some_and(|pull| same_project(&session.project, pull).is_err()) {
        // The branch says which workspace it is: a reviewer is not sent there by a click.
        plan.links.workspace = None;
    }
    Ok((plan, head))
}

/// Makes sure that what is checked out is what the pull request has: an approval is of its head.
fn checked_out(context: &Context, project: &Project, pull: Option<&Pull>) -> Result<String, Failure> {
    let Some(pull) = pull else { return Ok(project.head.clone().unwrap_or_default()) };
    let unknown = |why: &str| Failure::error(format!("the commit that is checked out cannot be told: {why}"));
    let repo = project.repo.as_ref().ok_or_else(|| unknown("this is no git repository"))?;
    let head =
        repo.head(&project.paths()).map_err(|e| unknown(&e.to_string()))?.ok_or_else(|| unknown("there is none"))?;
    if head.dirty {
        return Err(Failure::error(
            "the manifests differ from the commit that is checked out, so there is nothing to approve",
        )
        .hint("`git status` shows which files"));
    }
    let wanted = &pull.head.sha;
    // `pull_request` runs for a merge of the branch with its base; a shallow clone of it does not know its parents.
    let of_event = context.runner.event_name.as_deref() == Some("pull_request")
        && context.event.pull_request.as_ref().is_some_and(|p| p.head.sha == *wanted)
        && context.runner.sha.as_ref() == Some(&head.id);
    let parents = repo.parents(&head.id).unwrap_or_default();
    if head.id == *wanted || parents.contains(wanted) || of_event {
        return Ok(wanted.clone());
    }
    Err(Failure::error(format!(
        "what is checked out ({}) is not the head of pull request #{} ({})",
        head.short,
        pull.number,
        short(wanted)
    ))
    .hint(format!("check out refs/pull/{}/head, or run again for the newest push", pull.number)))
}

/// Makes sure that a fork has the project file of the base branch.
fn same_project(project: &Project, pull: &Pull) -> Result<(), Failure> {
    const FILE: &str = "plumb.yaml";
    let refused = |why: String| {
        Failure::new(
            ExitCode::Guard,
            format!("a fork's {FILE} has to be that of the base branch: {why}; nothing was sent"),
        )
        .hint("it says where credentials are sent: somebody with write access can push the branch to this repository")
    };
    let repo = project.repo.as_ref().ok_or_else(|| refused("this is no git repository".into()))?;
    let base = &pull.base.sha;
    let files = repo.files_at(base, &[FILE.to_owned()]).map_err(|e| refused(format!("base {base}: {e}")))?;
    let own = match &project.targeted.at {
        Some(_) => repo.files_at("HEAD", &[FILE.to_owned()]).map(|mut files| files.remove(FILE).unwrap_or_default()),
        None => {
            Disk::new(&project.dir).map_err(|e| e.to_string()).and_then(|disk| disk.read(FILE)).map_err(GitError::Other)
        }
    };
    let own = own.map_err(|e| refused(e.to_string()))?;
    match files.get(FILE) {
        Some(file) if *file == own => Ok(()),
        Some(_) => Err(refused("it differs".into())),
        None => Err(refused("there is none in the base".into())),
    }
}

/// Says in the comment that there is no plan, so that nobody takes the one before for it.
async fn say_failed(
    context: &Context,
    global: &Global,
    args: &CiPlan,
    pull: Option<&Pull>,
    failure: Failure,
    ui: &Ui,
) -> Failure {
    let run = context.runner.run_url();
    let text = failed(&failure, run.as_deref());
    let targeted = targeted(args, pull);
    if context.runner.is_actions
        && let Ok((files, problems)) = validate::mistakes(global, &targeted)
        && let Ok(dir) = settings::project_dir(global.project.as_deref())
    {
        let prefix = Repo::open(&dir).ok().flatten().map(|r| r.prefix().to_owned()).unwrap_or_default();
        // The failure is what matters; where stdout is gone there is nobody to tell.
        let _ = ui.data(&workflow::mistakes(&validate::findings(&files, &problems), &prefix));
    }
    let (Some(pull), Some((project, target))) = (pull, Project::names(global, &targeted)) else { return failure };
    let name = comment::section(&project, &target);
    if let Err(e) = context.comment(pull.number, args.comment_author.as_deref(), &name, &text, ui).await {
        ui.warn(&e.message);
    }
    failure
}
