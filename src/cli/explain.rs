//! `plumb explain`.

use super::complete;
use super::output::{Output, PlainForm};
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use clap_complete::ArgValueCompleter;
use plumb_core::schemas::{Explained, UnknownField, field_text, kinds_text};
use serde_json::{Value, json};

/// Print what a kind or a field is: type, default, rules and documentation
///
/// A path begins below `spec` and names no index: `DatabricksJob.tasks.depends_on`. `metadata` is what stands around the spec, `*`
/// or any key an entry of a map, `Project` is plumb.yaml. Rules say how plumb compares the field; with -v each names the source of
/// the fact. Nothing is read but the command line.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb explain                                 the kinds
  plumb explain job                             its fields, a line each
  plumb explain DatabricksJob.tasks.depends_on  one field
  plumb explain DatabricksJob.metadata.adopt    what stands around the spec
  plumb explain Project.targets                 plumb.yaml
  plumb explain cluster --recursive             every field below")]
pub struct Explain {
    /// A kind, by its name or as `import` calls it, and a field of it [default: the list of kinds]
    #[arg(value_name = "KIND[.FIELD]", add = ArgValueCompleter::new(complete::explained))]
    what: Option<String>,
    /// Show every field below, as a tree
    #[arg(long, requires = "what")]
    recursive: bool,
    #[command(flatten)]
    output: Output<PlainForm>,
}

/// Prints the documentation.
pub fn run(args: Explain, ui: &Ui) -> Result<ExitCode, Failure> {
    let text = match &args.what {
        Some(what) => field(what, &args, ui)?,
        None => kinds(args.output.output, ui),
    };
    args.output.write(&text, ui)?;
    Ok(ExitCode::Ok)
}

fn kinds(form: PlainForm, ui: &Ui) -> String {
    let all = Explained::all();
    if form == PlainForm::Text {
        return kinds_text(&all, ui.width);
    }
    let line = |one: &Explained| json!({"kind": one.kind, "noun": one.noun, "description": one.summary()});
    printed(&json!({"kinds": all.iter().map(line).collect::<Vec<_>>()}))
}

fn field(what: &str, args: &Explain, ui: &Ui) -> Result<String, Failure> {
    let unknown = |unknown: UnknownField| Failure::usage(unknown.message).hint(unknown.hint);
    let (kind, path) = what.split_once('.').unwrap_or((what, ""));
    let doc = Explained::named(kind).and_then(|kind| kind.field(path, args.recursive)).map_err(unknown)?;
    match args.output.output {
        PlainForm::Text => Ok(field_text(&doc, ui.width, ui.is_verbose())),
        PlainForm::Json => Ok(printed(&serde_json::to_value(&doc).map_err(|e| Failure::error(e.to_string()))?)),
    }
}

fn printed(value: &Value) -> String {
    plumb_core::render::shown(&format!("{value:#}\n"))
}
