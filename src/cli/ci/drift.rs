//! `plumb ci drift`.

use super::issues::IssueKeeper;
use crate::ci::Runner;
use crate::ci::drift::{LABEL, steps};
use crate::cli::apply::{self, carry_out};
use crate::cli::interrupt::stoppable;
use crate::cli::lease::{self, LockArgs};
use crate::cli::session::{Decided, Session};
use crate::cli::{Global, Selected, Targeted, output};
use crate::disk::replace;
use crate::services::{Secret, webhook as sender};
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::plan::Plan;
use plumb_core::plan::drift::{DriftSplit, LeftOut, drift, heal};
use plumb_core::render::metrics::{Measured, metrics};
use plumb_core::render::notice::{News, slack, webhook};
use plumb_core::render::value::visible;
use plumb_core::{kinds, render};
use plumb_model::call::System;
use std::path::PathBuf;
use std::time::Instant;

/// Look for drift from cron: keep one issue a target, tell others, and heal what may be healed
///
/// With GITHUB_REPOSITORY and GITHUB_TOKEN in the environment, as GitHub Actions sets them, an issue is opened when drift
/// appears, edited when it changes, and closed when it is gone. What waits to be applied is no drift. Messages are sent
/// when something becomes of the drift; where there is no issue to remember it, at each look that finds drift.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb ci drift --target prod
  plumb ci drift --target prod --heal DatabricksCluster
  plumb ci drift --target prod --metrics plumb.prom --sarif drift.sarif

Exit codes: 0 no drift (or none is left), 2 drift, others as apply's")]
pub struct CiDriftArgs {
    #[command(flatten)]
    targeted: Targeted,
    /// Undo what was changed live on resources of this kind (`all` for every kind); may be repeated. Nothing that waits to
    /// be applied goes with it
    #[arg(long, value_name = "KIND")]
    heal: Vec<String>,
    #[command(flatten)]
    lock: LockArgs,
    /// Keep no issue
    #[arg(long)]
    no_issue: bool,
    /// The account that the token writes as, where GitHub does not say [default: github-actions[bot] for GITHUB_TOKEN]
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,
    /// A webhook of Slack, or of something that takes the same
    #[arg(long, value_name = "URL", env = "PLUMB_SLACK_URL", hide_env_values = true)]
    slack: Option<String>,
    /// A webhook that takes JSON
    #[arg(long, value_name = "URL", env = "PLUMB_WEBHOOK_URL", hide_env_values = true)]
    webhook: Option<String>,
    /// The key that messages to --webhook are signed with
    #[arg(long, value_name = "KEY", env = "PLUMB_WEBHOOK_KEY", hide_env_values = true)]
    webhook_key: Option<String>,
    /// Write metrics for Prometheus' textfile collector
    #[arg(long, value_name = "FILE")]
    metrics: Option<PathBuf>,
    /// Write what drifted as SARIF
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Write what drifted as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Looks, heals, and tells.
pub async fn run(global: &Global, args: CiDriftArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let healed = healed_kinds(&args.heal)?;
    let mut session = Session::open(global, &args.targeted, ui).await?;
    let begun = Instant::now();
    let mut decided = stoppable(&session, session.decide(&Selected::default(), None, ui)).await?;
    let mut took = begun.elapsed();
    let mut ended = ExitCode::Ok;
    if !healed.is_empty() && !drift(&decided.decision.plan).changes.is_empty() {
        ended = lease::under(&mut session, &args.lock, "plumb ci drift --heal", ui, async |session| {
            heal_now(session, &healed, ui).await
        })
        .await?;
        let begun = Instant::now();
        decided = session.decide(&Selected::default(), None, ui).await?;
        took = begun.elapsed();
    }
    let plan = &decided.decision.plan;
    let left = drift(plan);
    let style = render::Style { colour: ui.colour, width: ui.width };
    ui.data(&render::drift_text(&left, &DriftSplit::of(plan), style, false))?;
    let measured = Measured {
        at: jiff::Timestamp::now().as_second(),
        seconds: took.as_secs_f64(),
        requests: requests(&session),
        kinds: session.project.kinds().iter().map(|k| k.name().to_owned()).collect(),
    };
    tell(&args, &left, &measured, ui).await?;
    Ok(match ended {
        ExitCode::Ok if left.is_empty() => ExitCode::Ok,
        ExitCode::Ok => ExitCode::Changes,
        other => other,
    })
}

/// The kinds that are healed, by their names.
fn healed_kinds(asked: &[String]) -> Result<Vec<&'static str>, Failure> {
    let all = || kinds::objects().iter().map(|k| k.name());
    let mut chosen = Vec::new();
    for name in asked {
        match all().find(|k| k == name) {
            _ if name == "all" => chosen.extend(all()),
            Some(kind) => chosen.push(kind),
            None => {
                let mut known = kinds::names(kinds::objects());
                known.push(("all", "every kind"));
                let hint = kinds::suggestion_or_list(&known, name);
                return Err(Failure::usage(format!("--heal: no kind is called `{name}`")).hint(hint));
            }
        }
    }
    Ok(chosen)
}

/// Under the lease: decides again, keeps what only undoes drift, and carries it out.
async fn heal_now(session: &Session, healed: &[&str], ui: &Ui) -> Result<ExitCode, Failure> {
    let mut decided: Decided = stoppable(session, session.decide(&Selected::default(), None, ui)).await?;
    let Decided { live, decision } = &mut decided;
    let left: Vec<LeftOut> = heal(decision, &session.project.desired, live, &|kind| healed.contains(&kind));
    for one in &left {
        ui.status(&format!("not healed: {}: {}", one.address, visible(&one.why)));
    }
    apply::check_place(session, &mut decision.plan).await?;
    if let Some(blocked) = decision.plan.blocked.iter().find(|b| b.guard.is_some()) {
        return Err(Failure::new(
            ExitCode::Guard,
            format!("a guard refused to heal: {}; nothing was sent", blocked.reason),
        ));
    }
    if decision.plan.changes.is_empty() {
        return Ok(ExitCode::Ok);
    }
    for change in &decision.plan.changes {
        let paths: Vec<String> = change.fields.iter().map(|f| visible(&f.path)).collect();
        ui.status(&format!("healing {}: {}", change.address, paths.join(", ")));
    }
    carry_out(session, decided, crate::apply::ApplyOptions::default(), ui).await?.ended()
}

fn requests(session: &Session) -> std::collections::BTreeMap<String, u64> {
    let systems = [System::Databricks, System::Airflow];
    let asked = systems.into_iter().filter(|s| session.services.has(*s));
    asked.map(|s| (s.setting().to_owned(), session.services.requests(s))).collect()
}

/// Tells everybody who is to be told. What fails keeps nobody else from being told.
async fn tell(args: &CiDriftArgs, left: &Plan, measured: &Measured, ui: &Ui) -> Result<(), Failure> {
    let mut failed = Vec::new();
    let findings = render::drift(left);
    let files = [
        (&args.metrics, Ok(metrics(left, measured))),
        (&args.sarif, output::sarif(&findings).map_err(|f| f.message)),
        (&args.junit, Ok(render::junit("plumb drift", &findings))),
    ];
    for (path, text) in files.into_iter().filter_map(|(path, text)| Some((path.as_ref()?, text))) {
        match text.and_then(|text| replace(path, &text)) {
            Ok(()) => ui.status(&format!("wrote {}", path.display())),
            Err(why) => failed.push(format!("{} was not written: {why}", path.display())),
        }
    }
    let runner = Runner::read(&settings::env);
    let mut link = runner.run_url();
    let mut news = (!left.is_empty()).then_some(News::Appeared);
    match issue(args, left, &runner, ui).await {
        Ok(Some((of_issue, address))) => {
            news = of_issue;
            link = address.or(link);
        }
        Ok(None) => {}
        Err(why) => failed.push(format!("the issue was not kept: {why}")),
    }
    if let Some(news) = news {
        let secret = |text: &Option<String>| text.clone().map(Secret::new);
        let key = secret(&args.webhook_key);
        let messages = [
            ("Slack", secret(&args.slack), slack(left, news, link.as_deref()), None),
            ("the webhook", secret(&args.webhook), webhook(left, news, link.as_deref(), measured.at), key.as_ref()),
        ];
        for (name, address, body, key) in messages {
            let Some(address) = address else { continue };
            match sender::post(&address, &body, key, measured.at).await {
                Ok(()) => ui.status(&format!("told {name} that the drift {}", said(news))),
                Err(why) => failed.push(format!("telling {name} failed: {why}")),
            }
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::error(failed.join("; "))) }
}

fn said(news: News) -> &'static str {
    match news {
        News::Appeared => "is there",
        News::Changed => "has changed",
        News::Gone => "is gone",
    }
}

/// Keeps the issue. What has become of the drift, and where the issue is; `None` where there is no GitHub to keep it at.
async fn issue(
    args: &CiDriftArgs,
    left: &Plan,
    runner: &Runner,
    ui: &Ui,
) -> Result<Option<(Option<News>, Option<String>)>, String> {
    if args.no_issue {
        return Ok(None);
    }
    let Some(keeper) = IssueKeeper::of(runner, LABEL, args.login.as_deref(), ui)? else { return Ok(None) };
    let mut news = None;
    let address = keeper
        .keep(true, &mut |mine, run| {
            let (steps, of_issue) = steps(left, run, mine);
            news = of_issue;
            steps
        })
        .await?;
    Ok(Some((news, address)))
}
