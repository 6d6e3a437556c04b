//! The one comment of a pull request, with a section for each target. Pure.
//!
//! Markers are whole lines that begin in column 0. Outside text is only ever a part of a line that begins otherwise (see
//! `render::markdown`), so that no name and no value can write one.

use super::approval::Shown;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use plumb_core::plan::Plan;
use plumb_core::render::{self, MarkdownOptions};

/// The first line of a comment.
const COMMENT: &str = "<!-- plumb:comment v1 -->";
const SECTION: &str = "<!-- plumb:section v1 ";
const SECTION_END: &str = "<!-- plumb:end -->";

/// The most bytes of a comment. GitHub's error names 65,536 characters as the limit.
pub const BUDGET: usize = 60_000;
/// A comment with less room than that takes no further section.
pub const ROOM: usize = 20_000;
/// Kept for the sentences around a plan.
const SENTENCES: usize = 2_500;
/// The longest message of a failure that is repeated in a comment.
const LONGEST_MESSAGE: usize = 20_000;

/// A comment, section by section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// (name, text), in their order.
    sections: Vec<(String, String)>,
}

/// The name of a target's section.
pub fn section(project: &str, target: &str) -> String {
    BASE64.encode(format!("{project}\n{target}"))
}

impl Body {
    /// Reads a comment; `None` when it is not one of plumb's.
    pub fn parse(text: &str) -> Option<Body> {
        // GitHub gives texts back with `\r\n` when they were edited in a browser.
        let mut lines = text.lines();
        (lines.next()? == COMMENT).then_some(())?;
        let mut body = Body::default();
        let mut open: Option<(String, String)> = None;
        for line in lines {
            let name = line.strip_prefix(SECTION).and_then(|rest| rest.strip_suffix(" -->"));
            match (name, &mut open) {
                (Some(name), _) => {
                    body.sections.extend(open.take());
                    open = Some((name.to_owned(), String::new()));
                }
                (None, Some(_)) if line == SECTION_END => body.sections.extend(open.take()),
                (None, Some((_, text))) => {
                    text.push_str(line);
                    text.push('\n');
                }
                (None, None) => {}
            }
        }
        body.sections.extend(open);
        Some(body)
    }

    /// The text of a section.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.sections.iter().find(|(n, _)| n == name).map(|(_, text)| text.as_str())
    }

    /// Writes a section, in its place or at the end.
    pub fn put(&mut self, name: &str, text: &str) {
        match self.sections.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = text.to_owned(),
            None => self.sections.push((name.to_owned(), text.to_owned())),
        }
    }

    /// The comment as it is sent.
    pub fn text(&self) -> String {
        let mut out = format!("{COMMENT}\n");
        for (name, text) in &self.sections {
            let end = if text.ends_with('\n') { "" } else { "\n" };
            out.push_str(&format!("{SECTION}{name} -->\n{text}{end}{SECTION_END}\n"));
        }
        out
    }

    /// How many bytes are left for a section when the others stay as they are.
    pub fn room(&self, name: &str) -> usize {
        let mut others = self.clone();
        others.put(name, "");
        BUDGET.saturating_sub(others.text().len())
    }
}

/// What is said around a plan.
pub struct Frame<'a> {
    /// The page of the run.
    pub run: Option<&'a str>,
    /// The most bytes of the section.
    pub budget: usize,
}

impl Frame<'_> {
    fn plan(&self, plan: &Plan, besides: usize, is_done: bool) -> String {
        let budget = self.budget.saturating_sub(SENTENCES + besides);
        let link = self.run.map(str::to_owned);
        render::markdown(plan, &MarkdownOptions { budget, link, is_done, ..MarkdownOptions::default() })
    }

    fn link(&self, text: &str) -> String {
        match self.run.and_then(render::safe_link) {
            Some(run) => format!("[{text}](<{run}>)"),
            None => text.to_owned(),
        }
    }
}

/// The preview: the plan, how to apply it, and what approving it means.
pub fn preview(plan: &Plan, shown: &Shown, line: &str, frame: &Frame<'_>) -> String {
    let mut out = frame.plan(plan, line.len(), false);
    out.push_str("\n#### How to apply\n\n");
    if plan.changes.is_empty() {
        let now =
            if plan.cutovers.is_empty() { "There is nothing to apply." } else { "There is nothing to apply now." };
        out.push_str(&format!("{now}\n\n"));
    } else {
        let less = match shown.changes {
            Some(_) => "this plan or less of it",
            None => "just this plan (it has too many changes to allow for less)",
        };
        out.push_str(&format!(
            "- **Merge**: that approves this plan for commit {}. `plumb ci apply` then does {less}, and stops if anything else \
             would be done. A later push needs a new preview.\n- **By hand**: {}\n",
            render::code(shown.head.get(..12).unwrap_or_default()),
            render::by_hand(plan),
        ));
    }
    for pending in &plan.cutovers {
        out.push_str(&format!(
            "- Merging also approves in advance that wave {} is cut over from {} on, once every gate holds: its \
             members and settings as they are in this plan, named by {}. A scheduled `plumb ci apply` does it then. By hand: \
             `plumb migrate cutover {} --approved {}`\n",
            render::code(&pending.address.name),
            render::code(&pending.cutover),
            pending.digest,
            if pending.address.name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)) {
                pending.address.name.as_str()
            } else {
                "WAVE"
            },
            pending.digest,
        ));
    }
    out.push_str(&format!("\n{line}\n"));
    out
}

/// That the plan was not what was approved, with what was not, and how to approve it. `line` is that of the old approval.
pub fn refused(plan: &Plan, excess: &Plan, line: Option<&str>, frame: &Frame<'_>) -> String {
    let mut out = format!(
        "**Not applied.** What would be done now is not what was approved; nothing was sent. {} of {} changes were not approved \
         ({}). To approve the whole plan as it is now, run the apply with its digest, `plumb ci apply --approved {}`; or undo what \
         was changed meanwhile, and run it again.\n\n",
        excess.changes.len(),
        plan.changes.len(),
        frame.link("log"),
        plan.digest,
    );
    out.push_str(&frame.plan(excess, line.map_or(0, str::len), false));
    if let Some(line) = line {
        out.push_str(&format!("\n{line}\n"));
    }
    out
}

/// How the apply ended, above its plan; `is_done`: all of it was carried out.
pub fn ended(how: &str, is_done: bool, plan: &Plan, line: Option<&str>, frame: &Frame<'_>) -> String {
    let mut out = format!("**{how}** ({})\n\n", frame.link("log"));
    out.push_str(&frame.plan(plan, line.map_or(0, str::len), is_done));
    if let Some(line) = line {
        out.push_str(&format!("\n{line}\n"));
    }
    out
}

/// That there is no plan, and why. Nothing is approved by it.
pub fn failed(message: &str, detail: Option<&str>, frame: &Frame<'_>) -> String {
    let all = match detail {
        Some(detail) => format!("{detail}\n{message}"),
        None => message.to_owned(),
    };
    let cut: String = all.chars().take(LONGEST_MESSAGE.min(frame.budget / 4)).collect();
    format!("**There is no plan** ({}), and nothing to approve:\n\n{}\n", frame.link("log"), render::code_block(&cut))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_put_in_their_place() {
        let mut body = Body::default();
        let (dev, prod) = (section("p", "dev"), section("p", "prod"));
        body.put(&dev, "one\n");
        body.put(&prod, "two");
        body.put(&dev, "three\n");
        let read = Body::parse(&body.text()).unwrap();
        assert_eq!((read.get(&dev), read.get(&prod)), (Some("three\n"), Some("two\n")));
        assert_eq!(Body::parse(&read.text()).unwrap(), read);
        // As a browser sends it back.
        assert_eq!(Body::parse(&read.text().replace('\n', "\r\n")).unwrap(), read);
        assert_eq!(Body::parse("a comment"), None);
        assert_eq!(Body::parse(&format!(" {COMMENT}")), None);
        assert!(read.room(&dev) < BUDGET - "two".len());
    }

    #[test]
    fn a_failure_is_shown_and_does_nothing() {
        let hostile =
            "a\n```\n<!-- plumb:end -->\n<!-- plumb:approval v1 x -->\n@team <img src=x>\n::error::x ##[error]";
        let frame = Frame { run: Some("https://x/y z"), budget: BUDGET };
        let mut body = Body::default();
        body.put("n", &failed("no", Some(hostile), &frame));
        let read = Body::parse(&body.text()).unwrap();
        assert_eq!(Shown::find(read.get("n").unwrap(), "r", None), None, "{}", body.text());
        assert!(read.get("n").unwrap().contains("team"));
        assert!(!body.text().lines().any(|l| l.starts_with("::")), "{}", body.text());
        assert!(body.text().contains("<https://x/y%20z>"));
    }
}
