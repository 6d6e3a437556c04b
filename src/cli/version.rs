//! `plumb version`.

use super::output::{Output, PlainForm};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use serde_json::json;

/// The commit that a release was built from. A build in a checkout does not know it.
const COMMIT: Option<&str> = option_env!("PLUMB_BUILD");

/// Print the version and what it was built from
///
/// The commit is known of released binaries only.
#[derive(Args)]
#[command(after_help = "Examples:\n  plumb version\n  plumb version --output json")]
pub struct Version {
    #[command(flatten)]
    output: Output<PlainForm>,
}

/// Prints the version.
pub fn run(args: Version, ui: &Ui) -> Result<ExitCode, Failure> {
    let commit = COMMIT.filter(|commit| !commit.is_empty());
    let version = env!("CARGO_PKG_VERSION");
    let text = match args.output.output {
        PlainForm::Text => {
            let commit = commit.unwrap_or("not known (built from source)");
            format!("plumb {version}\ncommit:   {commit}\nplatform: {}\n", platform())
        }
        PlainForm::Json => format!("{:#}\n", json!({"version": version, "commit": commit, "platform": platform()})),
    };
    args.output.write(&text, ui)?;
    Ok(ExitCode::Ok)
}

/// What the binary runs on, as its archives are called: `x86_64-linux-musl`.
fn platform() -> String {
    let library = if cfg!(target_env = "musl") {
        "-musl"
    } else if cfg!(target_env = "gnu") {
        "-gnu"
    } else if cfg!(target_env = "msvc") {
        "-msvc"
    } else {
        ""
    };
    format!("{}-{}{library}", std::env::consts::ARCH, std::env::consts::OS)
}
