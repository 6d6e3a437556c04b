//! `plumb demo` and `plumb demo emr`: stories that are true each time they are told.
//!
//! They run the real command line against an emulated workspace, and go on only when what each step claims holds.

pub mod lake;
mod page;
mod project;
mod stage;
mod story;

pub use stage::Stage;
pub use story::{EMR, Story, StoryStep, WORKSPACE};

use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, Subcommand};
use page::StoryPage;
use std::path::Path;
use std::time::Instant;

/// Show the story of one workspace on the embedded sandbox: no account, no network
///
/// Writes a repository into a temporary folder, emulates a workspace, and plays validate, plan, apply and drift with
/// the real command line. What each step claims is checked: the exit code is 0 only if all of it held.
#[derive(Args, Default)]
#[command(disable_help_subcommand = true)]
#[command(after_help = "Examples:\n  plumb demo\n  plumb demo --pause\n  plumb demo emr --keep")]
pub struct Demo {
    #[command(subcommand)]
    pub of: Option<DemoCommand>,
    /// Keep the folder with the repository
    #[arg(long, global = true)]
    pub keep: bool,
    /// Wait for Enter between two steps, on a terminal
    #[arg(long, global = true)]
    pub pause: bool,
}

/// The stories beside the first.
#[derive(Clone, Copy, Subcommand)]
pub enum DemoCommand {
    /// Show the way out of EMR: inventory, translation, teardown; a cutover and the way back
    ///
    /// Emulates an AWS account with six monthly pipelines beside a workspace and an Airflow. The pipelines are
    /// inventoried, translated to manifests and deployed beside the old ones; what both write is compared, for which
    /// duckdb is installed with pip where it is missing. An old cluster is terminated once its gates are open, and
    /// noticed when it comes back. Then months are played on the emulator's clock: replays of past months, what runs
    /// cost, a wave that waits for its day, its cutover, a rollback, and another day. What each step claims is checked,
    /// as in `plumb demo`.
    #[command(after_help = "Examples:\n  plumb demo emr\n  plumb demo emr --pause\n  plumb demo emr --keep")]
    Emr,
}

impl Demo {
    /// The story that was chosen.
    fn story(&self) -> &'static Story {
        match self.of {
            None => &WORKSPACE,
            Some(DemoCommand::Emr) => &EMR,
        }
    }
}

/// Tells the story.
pub async fn run(args: Demo, ui: &Ui) -> Result<ExitCode, Failure> {
    let exe = std::env::current_exe().map_err(failed)?;
    run_as(&exe, args, ui).await
}

fn failed(why: std::io::Error) -> Failure {
    Failure::error(format!("the demo cannot begin: {why}"))
}

/// Tells the story of a program that is not necessarily this one.
pub async fn run_as(exe: &Path, args: Demo, ui: &Ui) -> Result<ExitCode, Failure> {
    let folder = tempfile::Builder::new().prefix("plumb-demo-").tempdir().map_err(failed)?;
    let begun = Instant::now();
    let story = args.story();
    let told = tokio::select! {
        told = tell(story, exe, folder.path(), args.pause, ui) => told,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::Interrupted),
    };
    match told {
        Ok(proofs) => {
            let took = begun.elapsed().as_secs_f64();
            ui.data(&format!("\nEvery step held: {} steps, {proofs} facts, {took:.1} s.\n", story.steps.len()))?;
            if args.keep {
                ui.data(&format!("The repository is in {}.\n", folder.keep().join("project").display()))?;
            } else {
                StoryPage::new(ui).words(&format!("Next: {}.", story.next))?;
            }
            Ok(ExitCode::Ok)
        }
        Err(failure) => {
            let kept = folder.keep();
            Err(failure.hint(format!("the folder is kept: {}", kept.display())))
        }
    }
}

/// Plays all steps, and says how many facts were proven.
async fn tell(story: &Story, exe: &Path, folder: &Path, pause: bool, ui: &Ui) -> Result<usize, Failure> {
    let stage = Stage::set(exe, folder, ui).await?;
    for index in 0..story.steps.len() {
        if pause && index > 0 {
            ui.pause("Enter goes on")?;
        }
        play(&stage, story, index).await?;
    }
    let proofs = stage.proofs();
    stage.strike().await?;
    Ok(proofs)
}

/// Plays the `index`th step of a story. The failure of a step names it.
pub async fn play(stage: &Stage<'_>, story: &Story, index: usize) -> Result<(), Failure> {
    let step = &story.steps[index];
    stage.page.heading(index + 1, story.steps.len(), step.title)?;
    stage.page.words(step.words)?;
    let held = match (step.play)(stage).await {
        Ok(()) => stage.others_untouched().await,
        Err(failure) => Err(failure),
    };
    held.map_err(|f| Failure {
        message: format!("step {} ({}) does not hold: {}", index + 1, step.title, f.message),
        ..f
    })
}
