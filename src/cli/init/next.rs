//! What is to be done after an init, in order.

use super::EXAMPLE;
use crate::ui::Ui;

/// What comes next: commands and things to set, numbered, in lines that a terminal of 80 columns shows.
#[derive(Default)]
pub(super) struct NextSteps {
    steps: Vec<(String, &'static str)>,
    example: bool,
}

impl NextSteps {
    /// From a profile to a plan of what is live.
    pub fn of_project(&mut self, targets: &[String]) {
        let Some(target) = targets.first() else { return };
        let mut step = |command: String, why| self.steps.push((command, why));
        step(format!("databricks auth login --profile {target}"), "unless ~/.databrickscfg has it");
        step(format!("plumb import --all --target {target}"), "manifests of what is there");
        step(format!("plumb plan --target {target}"), "changes nothing, and says so");
    }

    /// Something that is no command: its first line, and what stands below it.
    pub fn add(&mut self, lines: String) {
        self.steps.push((lines, ""));
    }

    /// How the example is tried in place of all that.
    pub fn with_example(&mut self) {
        self.example = true;
    }

    /// Tells them all, if there are any.
    pub fn tell(self, ui: &Ui) {
        let explained = self.steps.iter().filter(|(_, why)| !why.is_empty());
        let width = explained.map(|(command, _)| command.len()).max().unwrap_or_default();
        if !self.steps.is_empty() {
            ui.status("Next:");
        }
        for (number, (step, why)) in self.steps.iter().enumerate() {
            let mut lines = step.lines();
            let first = lines.next().unwrap_or_default();
            let why = if why.is_empty() { String::new() } else { format!("  # {why}") };
            ui.status(format!("  {}. {first:width$}{why}", number + 1).trim_end());
            lines.for_each(|line| ui.status(&format!("     {line}")));
        }
        if self.example {
            ui.status(if self.steps.is_empty() {
                "Next, without an account:"
            } else {
                "Or the example, without an account:"
            });
            ui.status(&format!("     mv {EXAMPLE} manifests/hello.yaml"));
            ui.status("     plumb plan");
        }
    }
}
