//! Log files out of templates: lines with their times, spread over the time that something took.
//!
//! | line of a template | is |
//! |---|---|
//! | `%head WORD` | how the lines after it begin, see [`Head`] |
//! | `%at 0.35`, `%at SLOT` | lines from here on are of that part of the span |
//! | `%step 2.5` | seconds from one line to the next, as far as there is room; 0.15 at first |
//! | `%each NAME FROM TO` … `%end` | the lines between, for each number from the first up to the second, without that one; either may be a slot |
//! | `%include NAME` | another template |
//! | `\|text` | a line as it is: a stack frame, a continuation |
//! | `#text` | nothing |
//! | `LEVEL Logger: text` | a line with a head |
//!
//! In a line `{{name}}` is a slot, `{{n+100}}` a number of a loop and something, `{{host:n}}` an entry of a list by such a
//! number (it begins again at the end), `{{clock}}` the time of the line, `{{esc}}` what colours of a terminal begin with.

use std::collections::BTreeMap;

/// How lines begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// As they are in the template.
    Plain,
    /// Spark's own: `26/11/02 04:31:40 INFO Logger: text`.
    Spark,
    /// log4j of Hadoop's daemons: `2026-11-02 04:31:40,675 INFO logger (Thread): text`.
    Daemon,
    /// EMR's step controller: `2026-11-02T04:31:40.651Z INFO text`.
    Controller,
    /// Airflow 2: `[2026-11-02T04:31:40.651+0000] {file.py:12} INFO - text`.
    Airflow,
    /// syslog: `Nov  2 04:31:40 host text`.
    Syslog,
}

impl Head {
    fn of(word: &str) -> Self {
        match word {
            "spark" => Head::Spark,
            "daemon" => Head::Daemon,
            "controller" => Head::Controller,
            "airflow" => Head::Airflow,
            "syslog" => Head::Syslog,
            _ => Head::Plain,
        }
    }

    fn time(self, ms: i64) -> String {
        let at = jiff::Timestamp::from_millisecond(ms).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
        let format = match self {
            Head::Plain => return String::new(),
            Head::Spark => "%y/%m/%d %H:%M:%S ",
            Head::Daemon => "%Y-%m-%d %H:%M:%S,%3f ",
            Head::Controller => "%Y-%m-%dT%H:%M:%S.%3fZ ",
            Head::Airflow => "[%Y-%m-%dT%H:%M:%S.%3f+0000] ",
            Head::Syslog => "%b %e %H:%M:%S ",
        };
        at.strftime(format).to_string()
    }
}

/// What a template is filled with.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    /// Milliseconds since 1970: the span that lines are spread over.
    pub begin: i64,
    pub end: i64,
    pub slots: BTreeMap<String, String>,
    pub lists: BTreeMap<String, Vec<String>>,
}

impl Scene {
    /// Sets a slot.
    pub fn set(&mut self, name: &str, value: impl ToString) {
        self.slots.insert(name.to_owned(), value.to_string());
    }

    /// The time of a part of the span.
    pub fn at(&self, part: f64) -> i64 {
        // Spans are far below what a double holds without a loss.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        let into = ((self.end - self.begin) as f64 * part.clamp(0.0, 1.0)) as i64;
        self.begin + into
    }
}

/// One line, and when it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Printed {
    pub at: i64,
    /// Without a head.
    pub text: String,
    head: Head,
}

impl Printed {
    /// Whether it begins an entry, and does not continue one.
    pub fn is_headed(&self) -> bool {
        self.head != Head::Plain
    }

    /// The line as its file has it.
    pub fn whole(&self) -> String {
        format!("{}{}", self.head.time(self.at), self.text)
    }
}

/// The whole file.
pub fn text(template: &str, scene: &Scene) -> String {
    let mut out = String::new();
    for line in lines(template, scene) {
        out.push_str(&line.whole());
        out.push('\n');
    }
    out
}

/// The lines of a file.
pub fn lines(template: &str, scene: &Scene) -> Vec<Printed> {
    let source = included(template, 0);
    let mut printer = Printer {
        scene,
        clock: scene.begin,
        limit: scene.end,
        step: 150,
        head: Head::Plain,
        anchored: true,
        out: Vec::new(),
    };
    printer.limit = printer.next_anchor(&source);
    printer.block(&source, &mut BTreeMap::new());
    printer.out
}

fn included(template: &str, depth: usize) -> Vec<String> {
    let mut all = Vec::new();
    for line in template.lines() {
        match line.strip_prefix("%include ").and_then(|name| super::data::template(name.trim())) {
            Some(other) if depth < 4 => all.extend(included(other, depth + 1)),
            _ => all.push(line.to_owned()),
        }
    }
    all
}

struct Printer<'s> {
    scene: &'s Scene,
    clock: i64,
    /// No line is later than this until the next `%at`.
    limit: i64,
    step: i64,
    head: Head,
    /// Whether the next line has the very time of the clock.
    anchored: bool,
    out: Vec<Printed>,
}

impl Printer<'_> {
    fn next_anchor(&self, rest: &[String]) -> i64 {
        let parts = rest.iter().filter_map(|line| self.part(line.strip_prefix("%at ")?.trim()));
        parts.map(|part| self.scene.at(part)).next().unwrap_or(self.scene.end)
    }

    fn block(&mut self, lines: &[String], vars: &mut BTreeMap<String, i64>) {
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            at += 1;
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["%head", word] => self.head = Head::of(word),
                ["%at", part] => {
                    self.clock = self.clock.max(self.scene.at(self.part(part).unwrap_or_default()));
                    self.anchored = true;
                    self.limit = self.next_anchor(&lines[at..]);
                }
                #[allow(clippy::cast_possible_truncation)]
                ["%step", seconds] => self.step = (seconds.parse::<f64>().unwrap_or_default() * 1000.0) as i64,
                ["%each", name, from, to] => {
                    let end = end_of(&lines[at..]);
                    let (from, to) = (self.bound(from), self.bound(to));
                    for number in from..to {
                        vars.insert((*name).to_owned(), number);
                        self.block(&lines[at..at + end], vars);
                    }
                    vars.remove(*name);
                    at += end + 1;
                }
                _ if line.starts_with('#') => {}
                _ => self.print(line, vars),
            }
        }
    }

    /// A part of the span, or a slot that holds one.
    fn part(&self, word: &str) -> Option<f64> {
        self.scene.slots.get(word).map_or(word, String::as_str).parse().ok()
    }

    /// A number, or a slot that holds one.
    fn bound(&self, word: &str) -> i64 {
        let text = self.scene.slots.get(word).map_or(word, String::as_str);
        text.parse().unwrap_or(0)
    }

    fn print(&mut self, line: &str, vars: &BTreeMap<String, i64>) {
        let (head, line, is_more) = match line.strip_prefix('|') {
            Some(text) => (Head::Plain, text, true),
            None => (self.head, line, false),
        };
        let is_timed = head != Head::Plain || (line.contains("{{clock") && !is_more);
        if is_timed && !std::mem::take(&mut self.anchored) {
            // Lines do not come in step: between a half and one and a half of it.
            let jitter = i64::try_from(self.out.len() * 37 % 11).unwrap_or_default();
            let next = self.clock + self.step / 2 + self.step * jitter / 10;
            self.clock = next.min(self.limit).max(self.clock);
        }
        let text = self.filled(line, vars);
        self.out.push(Printed { at: self.clock, text, head });
    }

    fn filled(&self, line: &str, vars: &BTreeMap<String, i64>) -> String {
        let mut out = String::with_capacity(line.len());
        let mut rest = line;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((inner, behind)) = after.split_once("}}") else { break };
            out.push_str(before);
            match self.slot(inner, vars) {
                Some(value) => out.push_str(&value),
                None => {
                    out.push_str("{{");
                    out.push_str(inner);
                    out.push_str("}}");
                }
            }
            rest = behind;
        }
        out.push_str(rest);
        out
    }

    fn slot(&self, inner: &str, vars: &BTreeMap<String, i64>) -> Option<String> {
        if inner == "clock" {
            return jiff::Timestamp::from_millisecond(self.clock).ok().map(|at| format!("{at:.3}"));
        }
        if inner == "esc" {
            return Some("\u{1b}".to_owned());
        }
        if inner == "clock_ms" {
            return Some(self.clock.to_string());
        }
        if let Some(value) = self.scene.slots.get(inner) {
            return Some(value.clone());
        }
        if let Some((list, by)) = inner.split_once(':') {
            let list = self.scene.lists.get(list)?;
            let length = i64::try_from(list.len()).ok().filter(|length| *length > 0)?;
            let number = number(by, vars)?.rem_euclid(length);
            return list.get(usize::try_from(number).ok()?).cloned();
        }
        number(inner, vars).map(|number| number.to_string())
    }
}

/// `n`, `n+100` or a number.
fn number(text: &str, vars: &BTreeMap<String, i64>) -> Option<i64> {
    let (name, more) = match text.split_once('+') {
        Some((name, more)) => (name, more.parse().ok()?),
        None => (text, 0),
    };
    vars.get(name).copied().or_else(|| name.parse().ok()).map(|number| number + more)
}

/// How many lines there are before the `%end` of a block.
fn end_of(lines: &[String]) -> usize {
    let mut depth = 0_usize;
    for (at, line) in lines.iter().enumerate() {
        if line.starts_with("%each ") {
            depth += 1;
        } else if line.trim() == "%end" {
            if depth == 0 {
                return at;
            }
            depth -= 1;
        }
    }
    lines.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_spread_over_the_span_and_never_go_back() {
        let mut scene = Scene { begin: 1_793_577_600_000, end: 1_793_577_700_000, ..Scene::default() };
        scene.set("app", "application_1_0001");
        scene.lists.insert("host".to_owned(), vec!["a".to_owned(), "b".to_owned()]);
        let template = "%head spark\nINFO X: {{app}}\n%step 20\n%each n 0 3\nINFO Y: {{n+7}} on {{host:n}} {{odd}}\n|\tat f\n\
            %end\n%at 0.5\n%head controller\nWARN z";
        let made = lines(template, &scene);
        assert_eq!(made[0].whole(), "26/11/02 00:00:00 INFO X: application_1_0001");
        assert_eq!(made[1].text, "INFO Y: 7 on a {{odd}}", "what is not known stays to be seen");
        assert_eq!(made[2].whole(), "\tat f");
        assert_eq!(made[5].text, "INFO Y: 9 on a {{odd}}");
        assert!(made.windows(2).all(|pair| pair[0].at <= pair[1].at));
        assert!(made[5].at <= scene.at(0.5), "no line comes after what is said to be later");
        assert_eq!(made.last().map(Printed::whole).as_deref(), Some("2026-11-02T00:00:50.000Z WARN z"));
    }

    #[test]
    fn a_span_without_length_has_one_time() {
        let scene = Scene { begin: 5, end: 5, ..Scene::default() };
        assert!(lines("%head spark\nINFO a\n%at 0.5\nINFO b", &scene).iter().all(|line| line.at == 5));
    }
}
