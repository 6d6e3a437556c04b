//! `plumb init`.

mod ci;

use super::Global;
use crate::ui::{ExitCode, Failure, Ui};
use ci::CiService;
use clap::Args;
use std::path::PathBuf;

/// Begin a project: write plumb.yaml and a folder for manifests
///
/// With --ci also workflows that plan pull requests, apply what was merged, look for drift, diagnose, compare, and keep what runs
/// used. In a project that is there already these alone. Nothing is overwritten.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb init --name bau-insights
  plumb init && plumb import --all --target dev
  plumb init --ci github")]
pub struct Init {
    /// Name of the project [default: the folder's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Write workflows that run plumb
    #[arg(long, value_name = "SERVICE", value_enum)]
    ci: Option<CiService>,
}

/// Writes the files.
pub fn run(global: &Global, args: Init, ui: &Ui) -> Result<ExitCode, Failure> {
    let dir = global.project.clone().unwrap_or_else(|| PathBuf::from("."));
    let failed = |e: std::io::Error| Failure::error(format!("{}: {e}", dir.display()));
    std::fs::create_dir_all(&dir).map_err(failed)?;
    let whole = dir.canonicalize().map_err(failed)?;
    let file = dir.join("plumb.yaml");
    if file.exists() && args.ci.is_some() {
        if let Some(name) = &args.name {
            return Err(Failure::usage(format!("--name {name}: the project has a name already")));
        }
        return ci::write(&dir, ui).map(|()| ExitCode::Ok);
    }
    if file.exists() {
        return Err(Failure::error(format!("{} is there already; nothing was written", file.display())));
    }
    let folder = whole.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = args
        .name
        .unwrap_or_else(|| folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect::<String>());
    let name = name.trim_matches('-');
    let name = if name.is_empty() { "project" } else { name };
    let manifests = dir.join("manifests");
    std::fs::create_dir_all(&manifests).map_err(failed)?;
    // git keeps no empty folder, and a clone without it would not be valid.
    std::fs::write(manifests.join(".gitkeep"), "").map_err(failed)?;
    std::fs::write(&file, text(name)).map_err(failed)?;
    ui.data("plumb.yaml\n")?;
    if args.ci.is_some() {
        ci::write(&dir, ui)?;
    }
    ui.status(
        "Next: name your workspace in target dev (a profile of ~/.databrickscfg, or `host`), then `plumb import --all \
         --target dev`; or write a manifest and `plumb apply` it to the sandbox.",
    );
    Ok(ExitCode::Ok)
}

fn text(name: &str) -> String {
    format!(
        "\
apiVersion: plumb/v1
kind: Project
metadata:
  name: {name}
spec:
  manifests: [manifests]
  targets:
    sandbox:                # the embedded emulator: no account needed
      sandbox: true
      default: true
    dev:
      mode: development     # names get \"[dev USER] \", schedules are paused
      databricks: {{profile: dev}}
  guards: {{maxDeletes: 3, maxChangePercent: 30}}
"
    )
}
