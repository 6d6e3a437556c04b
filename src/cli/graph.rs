//! `plumb graph`.

use super::output::{Forms, Output};
use super::select::{self, selection};
use super::session::Project;
use super::{Global, Selected, Targeted};
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, ValueEnum};
use plumb_core::render::graph;

/// The forms of a graph.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum GraphForm {
    #[default]
    Mermaid,
    Dot,
    Json,
}

impl Forms for GraphForm {
    const DEFAULT: &'static str = "mermaid";
}

/// Print what depends on what, as Mermaid or DOT
///
/// Reads the manifests alone; no service is asked. An arrow points at what is needed. A selection shows what it matches and
/// its direct neighbours.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb graph --target prod
  plumb graph --output dot | dot -Tsvg -o graph.svg
  plumb graph --only DatabricksInstancePool/workers --output json")]
pub struct Graph {
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    selected: Selected,
    #[command(flatten)]
    output: Output<GraphForm>,
}

/// Prints the graph.
pub async fn run(global: &Global, args: Graph, ui: &Ui) -> Result<ExitCode, Failure> {
    let project = Project::load_as(global, &args.targeted, None, ui)?;
    let chosen = selection(&args.selected);
    select::check(&chosen, &project.desired.resources, ui)?;
    let graph = graph::selected(&project.desired, &chosen);
    let text = match args.output.output {
        GraphForm::Mermaid => {
            let text = graph::mermaid(&graph);
            if let Some(why) = graph::too_large(&graph, &text) {
                ui.warn(&format!("{why}: select a part with `--only`, or take `--output dot`"));
            }
            text
        }
        GraphForm::Dot => graph::dot(&graph),
        GraphForm::Json => graph::json(&graph).map_err(|e| Failure::error(e.to_string()))?,
    };
    args.output.write(&text, ui)?;
    Ok(ExitCode::Ok)
}
