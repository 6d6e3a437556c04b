//! `plumb schema`.

use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::schemas;
use std::path::PathBuf;

/// Write the JSON Schemas of manifests and plans, for editors and other tools
///
/// Put `# yaml-language-server: $schema=../schemas/plumb.json` on a manifest's first line, and the editor completes and
/// checks it.
#[derive(Args)]
#[command(after_help = "Examples:\n  plumb schema\n  plumb schema --out editor/schemas\n  plumb schema --check")]
pub struct SchemaArgs {
    /// Folder to write to
    #[arg(long, value_name = "DIR", default_value = "schemas")]
    out: PathBuf,
    /// Write nothing; fail when a file is not as it would be written
    #[arg(long)]
    check: bool,
}

/// Writes or checks the schemas.
pub fn run(args: SchemaArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let failed = |path: &std::path::Path, e: std::io::Error| Failure::error(format!("{}: {e}", path.display()));
    let mut stale = Vec::new();
    for (name, text) in schemas::files() {
        let path = args.out.join(&name);
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
