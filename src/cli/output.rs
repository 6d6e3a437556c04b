//! Where a result goes, and in which form.

use crate::ui::{Failure, Ui};
use clap::{Args, ValueEnum};
use plumb_core::plan::Plan;
use plumb_core::plan::drift::DriftSplit;
use plumb_core::render::compact::COMPACT_ABOVE;
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

/// How much of a plan is shown.
#[derive(Args, Clone, Copy, Default)]
pub struct Detail {
    /// Show a line a change, and equal changes on one [default: above 50 changes on a terminal]
    #[arg(long, conflicts_with = "full")]
    pub compact: bool,
    /// Show every field of every change
    #[arg(long)]
    pub full: bool,
}

impl Detail {
    /// Whether a plan is shown in short. A file or a pipe gets all of it unless somebody asks.
    fn is_compact(self, plan: &Plan, is_terminal: bool) -> bool {
        self.compact || !self.full && is_terminal && plan.changes.len() > COMPACT_ABOVE
    }

    /// Whether somebody asked for the short form, or for the whole.
    fn asked(self) -> Option<bool> {
        (self.compact || self.full).then_some(self.compact)
    }

    /// What drifted as a text, in short or whole.
    fn drift_text(self, plan: &Plan, style: Style, is_terminal: bool) -> String {
        render::drift_text(plan, &DriftSplit::of(plan), style, self.is_compact(plan, is_terminal))
    }

    /// The plan as a text, in short or whole.
    pub fn text(self, plan: &Plan, style: Style, is_terminal: bool) -> String {
        if self.is_compact(plan, is_terminal) { render::compact_text(plan, style) } else { render::text(plan, style) }
    }
}

impl<F: Forms> Output<F> {
    /// Writes a result for people: on a terminal, a long one goes through a pager.
    pub fn show(&self, text: &str, ui: &Ui) -> Result<(), Failure> {
        if self.out.is_none() { ui.paged(text) } else { self.write(text, ui) }
    }

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

    /// Writes a plan. What nothing is asked after goes through a pager. A page shows more than the plan says: what the manifests
    /// have, and from now on.
    ///
    /// # Errors
    /// `--compact` or `--full` with a form that has no short one.
    pub fn plan(&self, of: &PageInput<'_>, detail: Detail, is_paged: bool, ui: &Ui) -> Result<(), Failure> {
        self.plan_or_drift(of, detail, is_paged, true, ui)
    }

    /// Writes what drifted: a plan that nothing applies by its digest.
    ///
    /// # Errors
    /// As those of a plan.
    pub fn drift(&self, of: &PageInput<'_>, detail: Detail, is_paged: bool, ui: &Ui) -> Result<(), Failure> {
        self.plan_or_drift(of, detail, is_paged, false, ui)
    }

    fn plan_or_drift(
        &self,
        of: &PageInput<'_>,
        detail: Detail,
        is_paged: bool,
        by_hand: bool,
        ui: &Ui,
    ) -> Result<(), Failure> {
        self.check(detail)?;
        let plan = of.plan;
        let is_terminal = ui.terminal && self.out.is_none();
        let text = match self.form() {
            Form::Text => {
                let style = self.style(ui);
                let text = if by_hand {
                    detail.text(plan, style, is_terminal)
                } else {
                    detail.drift_text(plan, style, is_terminal)
                };
                return if is_paged { self.show(&text, ui) } else { self.write(&text, ui) };
            }
            Form::Markdown => {
                let options = render::MarkdownOptions { by_hand, is_compact: detail.asked(), ..Default::default() };
                render::markdown(plan, &options)
            }
            Form::Json => render::json(plan).map_err(|e| Failure::error(e.to_string()))?,
            Form::Sarif => sarif(&render::drift(plan))?,
            Form::Junit => render::junit("plumb drift", &render::drift(plan)),
            Form::Html => page(of),
        };
        self.write(&text, ui)
    }

    /// Whether the form has a short one, where somebody asks for one of the two.
    ///
    /// # Errors
    /// It has none.
    pub fn check(&self, detail: Detail) -> Result<(), Failure> {
        if matches!(self.form(), Form::Text | Form::Markdown) || detail.asked().is_none() {
            return Ok(());
        }
        let flag = if detail.compact { "--compact" } else { "--full" };
        let form = self.form().to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        Err(Failure::usage(format!("{flag} is for people: the form `{form}` is always whole"))
            .hint(format!("leave out {flag}, or `--output {form}`")))
    }

    /// How a text is laid out.
    pub fn style(&self, ui: &Ui) -> Style {
        Style { colour: ui.colour && self.out.is_none(), width: ui.width }
    }
}

/// Findings, as code hosts show them beside the lines.
pub fn sarif(findings: &[ReportedFinding]) -> Result<String, Failure> {
    render::sarif(findings).map_err(|e| Failure::error(e.to_string()))
}
