//! `plumb schema`.

use super::Global;
use crate::disk::Disk;
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use plumb_core::manifest::{self, Project};
use plumb_core::{kinds, schemas};
use std::path::{Path, PathBuf};

/// Write the JSON Schemas of manifests and plans, for editors and other tools
///
/// Put `# yaml-language-server: $schema=../schemas/plumb.json` on a manifest's first line, and the editor completes and
/// checks it. `plumb init` writes those of manifests, and `plumb import` the line; a newer plumb writes newer ones. With --references
/// it also completes `${` to what this project has; write those schemas again when it has more.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb schema
  plumb schema --manifests
  plumb schema --out editor/schemas
  plumb schema --references --out .plumb/schemas    and the project's own names
  plumb schema --check")]
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
    /// Let editors offer the project's resources, variables and secrets where `${` is typed
    #[arg(long)]
    references: bool,
}

/// Writes or checks the schemas.
pub fn run(global: &Global, args: SchemaArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let failed = |path: &Path, e: std::io::Error| Failure::error(format!("{}: {e}", path.display()));
    let files = if args.references { schemas::files_with(&references(global, ui)?) } else { schemas::files() };
    let mut stale = Vec::new();
    for (name, text) in files {
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

/// What a `${…}` can name in this project, variables first. Of secrets only the names are known.
fn references(global: &Global, ui: &Ui) -> Result<Vec<String>, Failure> {
    let dir = settings::project_dir(global.project.as_deref())
        .map_err(|e| Failure::error(e).hint("--references writes the schemas of one project"))?;
    let disk = Disk::new(&dir).map_err(|e| Failure::error(format!("{}: {e}", dir.display())))?;
    let Project { variables, env, .. } =
        manifest::project(&disk, kinds::all()).map_err(|failure| super::session::problems(&failure, ui))?;
    // Only what has an object has an id.
    let addresses = manifest::addresses(&disk, kinds::objects()).into_iter();
    let variables = variables.into_keys().map(|name| format!("${{var.{name}}}"));
    let env = env.into_iter().map(|name| format!("${{env.{name}}}"));
    let known = ["${target.name}", "${project.name}"].map(str::to_owned);
    let resources = addresses.flat_map(|address| {
        let attributes = kinds::find(&address.kind).map_or(&[][..], |kind| kind.attributes()).iter();
        let own = format!("${{resources.{}.{}", address.kind, address.name);
        let named: Vec<String> = attributes.map(|(name, _)| format!("{own}.{name}}}")).collect();
        std::iter::once(format!("{own}}}")).chain(named)
    });
    Ok(variables.chain(env).chain(known).chain(resources).collect())
}
