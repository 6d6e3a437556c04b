//! Whether a value is lost, told by what people read alone: the manifests' texts and the report. The account of the
//! translation is not asked; it may be wrong.

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Every scalar of a value with its place, as reports write places.
pub fn scalars(value: &Value) -> Vec<(String, Value)> {
    fn walk(value: &Value, at: &str, out: &mut Vec<(String, Value)>) {
        match value {
            Value::Array(items) => items.iter().enumerate().for_each(|(i, v)| walk(v, &format!("{at}[{i}]"), out)),
            Value::Object(map) => map.iter().for_each(|(key, value)| {
                let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
                let below = match (plain, at.is_empty()) {
                    (true, true) => key.clone(),
                    (true, false) => format!("{at}.{key}"),
                    _ => format!("{at}[{}]", Value::from(key.as_str())),
                };
                walk(value, &below, out);
            }),
            Value::Null => {}
            scalar => out.push((at.to_owned(), scalar.clone())),
        }
    }
    let mut out = Vec::new();
    walk(value, "", &mut out);
    out
}

/// A scalar as text.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What people read of a translation.
pub struct Shown {
    /// Every scalar and every member's name of the manifests, without comments.
    manifests: BTreeSet<String>,
    /// The places that the report says were dropped.
    dropped: BTreeSet<String>,
    /// The questions: the text, and the place that it is about.
    questions: Vec<(String, String)>,
    /// Why something was dropped, and what became of the release, all in one.
    reasons: String,
    /// Words that the report says were left out of a value: the word, and the value's place.
    left_out: Vec<(String, String)>,
    /// When DAGs start.
    starts: Vec<Timestamp>,
}

impl Shown {
    /// Reads the texts of manifests and the report.
    pub fn of(manifests: &BTreeMap<String, String>, report: &str) -> Shown {
        let (mut all, mut starts) = (BTreeSet::new(), Vec::new());
        for text in manifests.values() {
            let read: Value = serde_yaml::from_str(text).unwrap();
            starts.extend(start(&read["spec"]));
            let mut own = BTreeSet::new();
            collect(&read["spec"], &mut own);
            let parameters = read["spec"]["parameters"].as_array().into_iter().flatten();
            let defaults: Vec<(String, String)> = parameters
                .filter_map(|one| Some((one["name"].as_str()?.to_owned(), loose(one["default"].as_str()?))))
                .collect();
            all.extend(own.iter().map(|scalar| resolved(scalar, &defaults)));
            all.extend(own);
        }
        let section = |name: &str| {
            let rest = report.split_once(&format!("\n## {name}\n")).map_or("", |(_, rest)| rest);
            rest.split("\n## ").next().unwrap_or_default()
        };
        let lines = section("Dropped").lines().filter(|line| line.starts_with("- "));
        let (mut dropped, mut reasons, mut left_out) = (BTreeSet::new(), loose(section("Runtimes")), Vec::new());
        for line in lines {
            let (why, places) = line.split_once(": `").unwrap_or((line, ""));
            reasons.push_str(&loose(why));
            reasons.push('\n');
            for one in places.trim_end_matches('`').split("`, `") {
                match one.split_once("` of `") {
                    Some((word, place)) => left_out.push((loose(word), place.to_owned())),
                    None => drop(dropped.insert(one.to_owned())),
                }
            }
        }
        let questions = section("Decisions").split("\n### Decision ").skip(1).map(|block| {
            let place = block.lines().find_map(|line| line.strip_prefix("- EMR: `")).unwrap_or_default();
            (loose(block), place.trim_end_matches('`').to_owned())
        });
        Shown { manifests: all, dropped, questions: questions.collect(), reasons, left_out, starts }
    }

    /// Whether the report says by its place that it was dropped.
    pub fn is_dropped(&self, place: &str) -> bool {
        self.dropped.contains(place)
    }

    /// Whether a question is about a place: the very one, or a part of the source that is asked about as one.
    pub fn is_asked(&self, place: &str) -> bool {
        self.questions.iter().any(|(_, field)| {
            let below = place.strip_prefix(field.as_str()).filter(|_| !field.is_empty());
            // A question about a whole step or a whole cluster names none of its values.
            let broad = !field.contains('.') || field.ends_with(".Config");
            below.is_some_and(|rest| rest.is_empty() || !broad && rest.starts_with(['.', '[']))
        })
    }

    /// Whether a question's text or a reason has it. A word that may stand there by chance has to stand in a question about
    /// what is around its place.
    pub fn is_quoted(&self, word: &str, place: &str) -> bool {
        let word = loose(word);
        let by_chance = word.len() < 4;
        let quotes = |(text, field): &(String, String)| {
            let is_around = !field.is_empty() && place.starts_with(field.as_str());
            (is_around || !by_chance) && has(text, &word)
        };
        self.questions.iter().any(quotes) || !by_chance && has(&self.reasons, &word)
    }

    /// Whether a manifest has it.
    pub fn is_written(&self, word: &str) -> bool {
        let word = loose(word);
        word.is_empty() || self.manifests.iter().any(|scalar| has(scalar, &word))
    }

    /// Whether a manifest has it with an expression in the place of each part that varies.
    fn is_written_as_expression(&self, word: &str, varying: &[String]) -> bool {
        let word = loose(word);
        let pieces = steady(&word, varying);
        pieces.len() > 1 && self.manifests.iter().any(|scalar| fits(scalar, &pieces))
    }

    /// Whether what is steady of a name is in the name of something.
    fn is_named(&self, name: &str, varying: &[String]) -> bool {
        let words = |text: &str| -> Vec<String> {
            let all = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            all.map(str::to_lowercase).collect()
        };
        let wanted: Vec<String> = steady(name, varying).iter().flat_map(|piece| words(piece)).collect();
        self.manifests.iter().any(|scalar| {
            let there = words(scalar);
            wanted.iter().all(|word| there.contains(word))
        })
    }

    /// What people read of a part of a value; `before` is the text before it in its list.
    pub fn fate(&self, part: &Part, before: Option<&str>, case: &Known) -> ReadFate {
        let Part { place, value, word, is_whole } = part;
        if let Some(secret) = case.secrets.iter().find(|secret| word.contains(secret.as_str())) {
            return match self.secret_fault(place, word, secret, before) {
                Some(fault) => ReadFate::Wrong(fault),
                None => ReadFate::Said,
            };
        }
        // A line of commands is more than its place: each of its words has to be found.
        if *is_whole && (self.is_dropped(place) || self.is_asked(place))
            || self.is_quoted(value, place)
            || self.is_quoted(word, place)
            || self.left_out.iter().any(|(words, at)| at == place && has(words, &loose(word)))
        {
            return ReadFate::Said;
        }
        // The same time, as the zone of the schedule has it.
        if place == "dag.start_date" && word.parse().is_ok_and(|time: Timestamp| self.starts.contains(&time)) {
            return ReadFate::Written;
        }
        let is_name = place.ends_with(".Name") || place.ends_with(".name");
        if is_name && self.is_named(value, &case.varying) || self.has_word(word, place, case) {
            return ReadFate::Written;
        }
        if is_code(word) { ReadFate::Code } else { ReadFate::Wrong("is nowhere".to_owned()) }
    }

    fn has_word(&self, word: &str, place: &str, case: &Known) -> bool {
        let one = |word: &str| {
            self.is_written(word) || self.is_quoted(word, place) || self.is_written_as_expression(word, &case.varying)
        };
        // A variable of the environment is called by its own name.
        let key = |key: &str| one(key) || ENVIRONMENT.iter().any(|of| key.strip_prefix(of).is_some_and(one));
        let pair = |word: &str| word.split_once('=').is_some_and(|(name, value)| key(name) && one(value));
        one(word) || pair(word) || word.contains(',') && word.split(',').all(|item| one(item) || pair(item))
    }

    /// A secret is nowhere, and a question names what it is the secret of.
    fn secret_fault(&self, place: &str, value: &str, secret: &str, before: Option<&str>) -> Option<String> {
        if self.is_written(value) || self.is_quoted(value, place) {
            return Some("a secret is shown".to_owned());
        }
        // `password` of `?user=x&password=…`, the option before an argument, the member of an object.
        let ahead = value[..value.find(secret).unwrap_or(0)].trim_end_matches(['=', ':']);
        let setting = ahead.rsplit(|c: char| !(c.is_alphanumeric() || "_-.".contains(c))).next().unwrap_or_default();
        let key = match (setting, before) {
            ("", Some(before)) => before.to_owned(),
            ("", None) => member(place),
            (setting, _) => setting.to_owned(),
        };
        let named = self.questions.iter().any(|(text, _)| has(text, &loose(&key)));
        // What is asked about with all around it: an argument has nothing around it that says what it is.
        let is_around = !place.ends_with(']') && self.is_asked(place);
        (!named && !is_around).then(|| format!("no question says that `{key}` is a secret"))
    }
}

/// How Spark's properties set variables of the environment.
const ENVIRONMENT: [&str; 3] = ["spark.executorEnv.", "spark.yarn.appMasterEnv.", "spark.emr-serverless.driverEnv."];

/// What people read of what became of a part of a value.
pub enum ReadFate {
    /// A question or the list of what was dropped says it.
    Said,
    /// A manifest has it.
    Written,
    /// It is a code or a figure, which may have become another one: whether it has is seen where it changes.
    Code,
    Wrong(String),
}

/// A part of a value that has to be found: a word of a line of commands, else the whole.
pub struct Part {
    pub place: String,
    /// The whole value as text.
    pub value: String,
    pub word: String,
    pub is_whole: bool,
}

impl Part {
    /// The parts of a value.
    pub fn all(place: &str, value: &Value) -> Vec<Part> {
        let value = text(value);
        let part = |word: &str, is_whole| Part {
            place: place.to_owned(),
            value: value.clone(),
            word: word.to_owned(),
            is_whole,
        };
        if !is_command(&value) {
            return vec![part(&value, true)];
        }
        let words = value.split_whitespace().map(|word| word.trim_matches(['\'', '"', ';']));
        words.filter(|word| word.chars().any(char::is_alphanumeric)).map(|word| part(word, false)).collect()
    }
}

/// What is known of a case.
pub struct Known {
    /// What differs from run to run.
    pub varying: Vec<String>,
    pub secrets: Vec<String>,
}

/// Members of enumerations that are not in capitals.
const CODES: [&str; 11] =
    ["true", "false", "Instances", "InstanceFleetUnits", "client", "cluster", "gp2", "gp3", "io1", "st1", "sc1"];

/// Whether a word says in EMR's or Spark's own language what another says in Databricks': a figure, an option, a member of
/// an enumeration, or a program that starts others.
fn is_code(word: &str) -> bool {
    let is_figure = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) && text.len() < 8;
    let is_constant = |text: &str| text.len() > 2 && text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let value = word.split_once('=').map_or(word, |(_, value)| value);
    is_figure(value)
        || is_constant(word)
        || word.starts_with('-') && !word.contains('=')
        || CODES.contains(&word)
        || ["spark-submit", "command-runner.jar", "script-runner.jar"].iter().any(|program| word.ends_with(program))
}

fn collect(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            out.insert(loose(key));
            collect(value, out);
        }),
        Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
        Value::Null => {}
        scalar => {
            out.insert(loose(&text(scalar)));
        }
    }
}

/// When a DAG starts: its manifest says it in the zone of its schedule.
fn start(spec: &Value) -> Option<Timestamp> {
    let zone = spec["schedule"]["timezone"].as_str().unwrap_or("UTC");
    let start: DateTime = spec["start_date"].as_str()?.parse().ok()?;
    Some(start.in_tz(zone).ok()?.timestamp())
}

/// The last member of a place.
fn member(place: &str) -> String {
    if let Some(key) = place.strip_suffix("\"]").and_then(|rest| rest.rsplit_once("[\"")) {
        return key.1.to_owned();
    }
    place.rsplit(['.']).next().unwrap_or_default().to_owned()
}

/// The same however it is escaped, and by whatever name S3 is called.
fn loose(text: &str) -> String {
    let mut out = text.replace("$${", "${").replace("s3a://", "s3://").replace("s3n://", "s3://");
    for (escaped, plain) in
        [("&lt;", "<"), ("&gt;", ">"), ("&#64;", "@"), ("&#104;", "h"), ("&#46;", "."), ("&amp;", "&")]
    {
        out = out.replace(escaped, plain);
    }
    out.replace(['\\', '"', '\''], "").trim_end_matches('/').to_owned()
}

/// Whether a text has a word that is not only a part of another.
fn has(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    let (first, last) = (word.chars().next(), word.chars().next_back());
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back().filter(|_| first.is_some_and(part));
            let after = text[at + word.len()..].chars().next().filter(|_| last.is_some_and(part));
            !before.is_some_and(part) && !after.is_some_and(part)
        })
}

/// The parts of a text between what varies.
fn steady<'t>(text: &'t str, varying: &[String]) -> Vec<&'t str> {
    let (mut pieces, mut from, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        let longest = varying.iter().filter(|part| text[at..].starts_with(part.as_str())).max_by_key(|part| part.len());
        match longest {
            Some(part) => {
                pieces.push(&text[from..at]);
                at += part.len();
                from = at;
            }
            None => at += text[at..].chars().next().map_or(1, char::len_utf8),
        }
    }
    pieces.push(&text[from..]);
    pieces
}

/// A text with the defaults of a job's parameters in the place of their references.
fn resolved(text: &str, defaults: &[(String, String)]) -> String {
    defaults.iter().fold(text.to_owned(), |text, (name, default)| {
        text.replace(&format!("{{{{job.parameters.{name}}}}}"), default)
            .replace(&format!("{{{{ job.parameters.{name} }}}}"), default)
    })
}

/// Whether a text has the pieces with expressions between each two: `s3://a/dt={{…}}/x`, `{{…}}/{{…}}/{{…}}`.
fn fits(text: &str, pieces: &[&str]) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return false };
    let starts = (0..=text.len()).filter(|at| text.is_char_boundary(*at) && text[*at..].starts_with(first));
    starts.into_iter().any(|start| {
        let mut left = &text[start + first.len()..];
        rest.iter().all(|piece| {
            let mut any = false;
            // A date may be put together from several.
            while let Some((_, after)) =
                left.trim_start_matches(['-', '/', '_', '.']).strip_prefix("{{").and_then(|open| open.split_once("}}"))
            {
                (left, any) = (after, true);
                if let Some(after) = left.strip_prefix(piece) {
                    left = after;
                    // One more expression may belong to the same part.
                    if !piece.is_empty() || !left.trim_start_matches(['-', '/', '_', '.']).starts_with("{{") {
                        return true;
                    }
                }
            }
            any && piece.is_empty()
        })
    })
}

/// Whether a text is a line of commands or of options: more than one word, of which one looks like an option or a path.
fn is_command(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.len() > 1 && words.iter().any(|word| word.starts_with('-') || word.contains("://"))
}

#[test]
fn parts_that_vary_are_found_as_expressions() {
    let varying = ["2026-10".to_owned(), "2026/11/19".to_owned(), "2026-11-19".to_owned()];
    for (value, written, is) in [
        ("2026-10", "{{job.parameters.month}}", true),
        ("s3://a/month=2026-10/x", "s3://a/month={{job.parameters.month}}/x", true),
        ("s3://a/2026/11/19/", "s3://a/{{job.parameters.year}}/{{job.parameters.month}}/{{job.parameters.day}}", true),
        ("--day=2026-11-19", "--day={{job.start_time.iso_date}}", true),
        ("s3://a/month=2026-10/x", "s3://a/month={{job.parameters.month}}/y", false),
        ("s3://a/month=2026-10/x", "s3://a/month=/x", false),
        ("2026-10", "month", false),
        ("2026-11-19 to 2026-10", "{{a}} to {{b}}", true),
    ] {
        assert_eq!(fits(written, &steady(&loose(value), &varying)), is, "{value} as {written}");
    }
    let output = ("output".to_owned(), "s3://lake".to_owned());
    assert_eq!(
        resolved("{{job.parameters.output}}/x/{{job.parameters.day}}", &[output]),
        "s3://lake/x/{{job.parameters.day}}"
    );
}
