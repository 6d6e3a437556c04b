//! `plumb demo`: a story that is true each time it is told.
//!
//! It runs the real command line against an emulated workspace, and goes on only when what each step claims holds.

pub mod lake;
mod page;
mod project;
mod stage;
mod story;

pub use stage::Stage;
pub use story::{STORY, StoryStep};

use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use std::path::Path;
use std::time::Instant;

/// Show the whole story on the embedded sandbox: no account, no network
///
/// Writes a repository into a temporary folder, emulates a workspace, and plays validate, plan, apply and drift with
/// the real command line. What each step claims is checked: the exit code is 0 only if all of it held.
#[derive(Args, Default)]
#[command(after_help = "Examples:\n  plumb demo\n  plumb demo --pause\n  plumb demo --keep")]
pub struct Demo {
    /// Keep the folder with the repository
    #[arg(long)]
    pub keep: bool,
    /// Wait for Enter between two steps, on a terminal
    #[arg(long)]
    pub pause: bool,
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
    let told = tokio::select! {
        told = tell(exe, folder.path(), args.pause, ui) => told,
        _ = tokio::signal::ctrl_c() => return Ok(ExitCode::Interrupted),
    };
    match told {
        Ok(proofs) => {
            let took = begun.elapsed().as_secs_f64();
            ui.data(&format!("\nEvery step held: {} steps, {proofs} facts, {took:.1} s.\n", STORY.len()))?;
            if args.keep {
                ui.data(&format!("The repository is in {}.\n", folder.keep().join("project").display()))?;
            } else {
                ui.data("Next: `plumb init` in a repository of your own, and `plumb import --all`.\n")?;
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
async fn tell(exe: &Path, folder: &Path, pause: bool, ui: &Ui) -> Result<usize, Failure> {
    let stage = Stage::set(exe, folder, ui).await?;
    for (index, step) in STORY.iter().enumerate() {
        if pause && index > 0 {
            ui.pause("Enter goes on")?;
        }
        play(&stage, index, step).await?;
    }
    let proofs = stage.proofs();
    stage.strike().await;
    Ok(proofs)
}

/// Plays one step, which is the `index`th of the story. The failure of a step names it.
pub async fn play(stage: &Stage<'_>, index: usize, step: &StoryStep) -> Result<(), Failure> {
    stage.page.heading(index + 1, STORY.len(), step.title)?;
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
