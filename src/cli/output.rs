//! Where a result goes, and in which form.

use crate::ui::{Failure, Ui};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use plumb_core::manifest::Desired;
use plumb_core::plan::Plan;
use plumb_core::render::page::{PageInput, page};
use plumb_core::render::{self, ReportedFinding, Style};
use std::path::PathBuf;

/// The form of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Form {
    #[default]
    Text,
    Json,
    Markdown,
    Sarif,
    Junit,
    Html,
}

/// The forms of a list of mistakes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProblemForm {
    #[default]
    Text,
    Json,
    Sarif,
    Junit,
}

/// The forms of anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum PlainForm {
    #[default]
    Text,
    Json,
}

/// The forms that a command has: the help lists no others.
pub trait Forms: ValueEnum + Copy + Default + Send + Sync + 'static {
    /// The name of the form that nobody has to ask for.
    const DEFAULT: &'static str = "text";
}
impl Forms for Form {}
impl Forms for ProblemForm {}
impl Forms for PlainForm {}

/// Where a result goes.
#[derive(Args, Clone, Default)]
pub struct Output<F: Forms = Form> {
    /// Form of the result
    #[arg(long, short, value_enum, default_value = F::DEFAULT, value_name = "FORM")]
    pub output: F,
    /// Write the result to a file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

impl<F: Forms> Output<F> {
    /// Writes a result.
    pub fn write(&self, text: &str, ui: &Ui) -> Result<(), Failure> {
        match &self.out {
            None => ui.data(text),
            Some(path) => {
                std::fs::write(path, text).map_err(|e| Failure::error(format!("{}: {e}", path.display())))?;
                ui.status(&format!("wrote {}", path.display()));
                Ok(())
            }
        }
    }
}

impl Output {
    /// The form of the result.
    pub fn form(&self) -> Form {
        match &self.out {
            // Nobody wants a text in a file of that name: a program is to read it, or a browser.
            Some(path) if self.output == Form::Text && path.extension().is_some_and(|e| e == "json") => Form::Json,
            Some(path) if self.output == Form::Text && path.extension().is_some_and(|e| e == "html") => Form::Html,
            _ => self.output,
        }
    }

    /// Writes a plan. A page shows more than the plan says: what the manifests have, and from `now` on.
    pub fn plan(&self, plan: &Plan, desired: &Desired, now: Timestamp, ui: &Ui) -> Result<(), Failure> {
        let text = match self.form() {
            Form::Text => render::text(plan, self.style(ui)),
            Form::Markdown => render::markdown(plan, &render::MarkdownOptions::default()),
            Form::Json => render::json(plan).map_err(|e| Failure::error(e.to_string()))?,
            Form::Sarif => sarif(&render::drift(plan))?,
            Form::Junit => render::junit("plumb drift", &render::drift(plan)),
            Form::Html => page(&PageInput { plan, desired, now }),
        };
        self.write(&text, ui)
    }

    fn style(&self, ui: &Ui) -> Style {
        Style { colour: ui.colour && self.out.is_none(), width: ui.width }
    }
}

/// Findings, as code hosts show them beside the lines.
pub fn sarif(findings: &[ReportedFinding]) -> Result<String, Failure> {
    render::sarif(findings).map_err(|e| Failure::error(e.to_string()))
}
