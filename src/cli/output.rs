//! Where a result goes, and in which form.

use crate::plan::Plan;
use crate::render::{self, Finding, Style};
use crate::ui::{Failure, Ui};
use clap::{Args, ValueEnum};
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
}

/// Where a result goes.
#[derive(Args, Clone, Default)]
pub struct Output {
    /// Form of the result
    #[arg(long, short, value_enum, default_value_t = Form::Text, value_name = "FORM")]
    pub output: Form,
    /// Write the result to a file instead of stdout
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

impl Output {
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

    /// Writes a plan.
    pub fn plan(&self, plan: &Plan, ui: &Ui) -> Result<(), Failure> {
        let text = match self.output {
            Form::Text => render::text(plan, self.style(ui)),
            Form::Markdown => render::markdown(plan, &render::Options::default()),
            Form::Json => render::json(plan).map_err(|e| Failure::error(e.to_string()))?,
            Form::Sarif | Form::Junit => return self.findings("plumb drift", &render::drift(plan), ui),
        };
        self.write(&text, ui)
    }

    /// Writes findings, in one of the forms that tools read.
    pub fn findings(&self, suite: &str, findings: &[Finding], ui: &Ui) -> Result<(), Failure> {
        let text = match self.output {
            Form::Junit => render::junit(suite, findings),
            _ => render::sarif(findings).map_err(|e| Failure::error(e.to_string()))?,
        };
        self.write(&text, ui)
    }

    fn style(&self, ui: &Ui) -> Style {
        Style { colour: ui.colour && self.out.is_none(), width: ui.width }
    }
}
