//! `plumb schema`.

use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::schemas;
use std::path::PathBuf;

/// Write the JSON Schemas of manifests and plans, for editors and other tools
///
/// Put `# yaml-language-server: $schema=../schemas/plumb.json` on a manifest's first line, and the editor completes and
/// checks it. `plumb init` writes those of manifests, and `plumb import` the line; a newer plumb writes newer ones.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  plumb schema\n  plumb schema --manifests\n  plumb schema --out editor/schemas\n  plumb schema --check"
)]
pub struct SchemaArgs {
    /// Folder to write to
    #[arg(long, value_name = "DIR", default_value = "schemas")]
    out: PathBuf,
    /// Only those of manifests and plumb.yaml, and none of plans and reports
    #[arg(long)]
    manifests: bool,
    /// Write nothing; fail when a file is not as it would be written. Those of plans and reports need not be there
    #[arg(long)]
    check: bool,
}

/// Writes or checks the schemas.
pub fn run(args: SchemaArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let failed = |path: &std::path::Path, e: std::io::Error| Failure::error(format!("{}: {e}", path.display()));
    let mut stale = Vec::new();
    for (name, text) in schemas::files() {
        let path = args.out.join(&name);
        let is_needed = schemas::is_of_manifests(&name);
        if !is_needed && (args.manifests || args.check && !path.exists()) {
            continue;
        }
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            continue;
        }
        if args.check {
            stale.push(name);
            continue;
        }
        std::fs::create_dir_all(&args.out).map_err(|e| failed(&args.out, e))?;
        std::fs::write(&path, text).map_err(|e| failed(&path, e))?;
        ui.status(&format!("wrote {}", path.display()));
    }
    if !stale.is_empty() {
        return Err(Failure::error(format!("not as they would be written: {}", stale.join(", ")))
            .hint("`plumb schema` writes them"));
    }
    Ok(ExitCode::Ok)
}
