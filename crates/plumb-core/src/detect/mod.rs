//! Secrets in plain text: the one place that tells them from what only sounds like one.
//!
//! Imports and translations take out what is found here, `validate` warns of it, messages mask it. So a miss puts a
//! secret into git, and a false alarm destroys a value that a job needs: `--s3-key raw/x.csv`, `--business-key`, `--pass 2`.
//! A value is a secret by its form (a prefix of a service's tokens, a login in an address, a private key), or by a name
//! that is well known as a whole ([`names`]). Elsewhere it has to be as random as only secrets are, and stand under no name
//! of an id or a hash.
//!
//! Pure, and linear in the length of the text.

mod chance;
mod commands;
mod glance;
mod looks;
mod names;
mod yaml;

pub use looks::is_token;
pub use names::names_secret;
pub use yaml::{Mask, SecretPlace, mask, places};

use looks::{is_address, is_key_id_of_kms, is_path, is_random, is_reference};
use names::{Sure, sure};
use serde_json::Value;
use std::ops::Range;

/// What stands for a secret that was taken out.
pub const HIDDEN: &str = "(secret)";

/// A secret inside a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    pub range: Range<usize>,
    /// What it is called where it stands, `--password` or `db.password`; empty when it is known by its form only.
    pub name: String,
}

/// A secret, as it is handed to whoever replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundSecret<'t> {
    pub secret: &'t str,
    /// See [`Spot::name`].
    pub name: &'t str,
}

/// One step to a value inside JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonStep {
    Key(String),
    Index(usize),
}

/// A secret inside a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The way to the string or number that it stands in.
    pub way: Vec<JsonStep>,
    /// Where in the string it is; of a number all.
    pub spot: Spot,
}

/// Whether a value of a name is a secret as a whole.
pub fn is_secret(name: &str, value: &str) -> bool {
    if is_reference(value) || is_address(value) {
        return false;
    }
    match sure(name) {
        Sure::No => false,
        Sure::IfRandom => is_random(value),
        Sure::UnlessKeyId => !is_path(value) && !is_key_id_of_kms(value),
        Sure::UnlessPath => !is_path(value),
        Sure::Always => true,
    }
}

/// Whether a name is well known for that of a secret, so that nearly any value is one.
pub fn is_credential(name: &str) -> bool {
    sure(name) > Sure::IfRandom
}

/// Whether a text is or holds a secret by its form.
pub fn holds_secret(text: &str) -> bool {
    !in_text(text).is_empty()
}

/// The secrets in a value that has a name.
pub fn in_value(name: &str, text: &str) -> Vec<Spot> {
    // Of `Bearer abc…` the scheme is none.
    let bare = ["Bearer ", "bearer ", "Basic ", "basic "].iter().find_map(|scheme| text.strip_prefix(scheme));
    let value = bare.unwrap_or(text);
    if is_secret(name, value) {
        let start = text.len() - value.len();
        return vec![Spot { range: start..text.len(), name: name.to_owned() }];
    }
    in_text_of(name, text)
}

/// The secrets in the arguments of a program: each with the number of its argument.
pub fn in_arguments<T: AsRef<str>>(arguments: &[T]) -> Vec<(usize, Spot)> {
    let mut found = Vec::new();
    let (mut option, mut command) = ("", commands::Command::default());
    for (number, argument) in arguments.iter().map(AsRef::as_ref).enumerate() {
        if let Some(range) = command.next(argument) {
            found.push((number, Spot { range, name: String::new() }));
            option = "";
            continue;
        }
        let spots = match option {
            // A password may begin with one dash, hardly with two.
            _ if argument.starts_with("--") => in_option(argument),
            "" => in_text(argument),
            "-u" | "--user" | "--basic-auth" => in_user(argument),
            name => in_value(name, argument),
        };
        found.extend(spots.into_iter().map(|spot| (number, spot)));
        option = as_option(argument);
    }
    found
}

/// `--password=a b&c`: of an argument that is an option with its value, all of the value counts. Behind a further option
/// it is a line of several.
fn in_option(argument: &str) -> Vec<Spot> {
    match argument.split_once('=') {
        Some((name, value))
            if is_credential(name) && name.chars().all(is_name) && !value.contains(" -") && is_secret(name, value) =>
        {
            vec![Spot { range: name.len() + 1..argument.len(), name: name.to_owned() }]
        }
        _ => in_text(argument),
    }
}

/// Whether an argument is an option whose value is the next one.
pub fn is_option(argument: &str) -> bool {
    argument.starts_with('-') && !argument.contains(['=', ' ', ':'])
}

/// The argument, if it is an option whose value is the next one; else nothing.
fn as_option(argument: &str) -> &str {
    if is_option(argument) { argument } else { "" }
}

/// Whether a value of a name is or holds a secret, or did before it was hidden.
pub fn is_taken(name: &str, value: &str) -> bool {
    value.contains(HIDDEN) || !in_value(name, value).is_empty()
}

/// Of each argument of a program its secrets, with those that were hidden before. Each has a name: that of the option or
/// the setting that it stands behind.
pub fn taken<T: AsRef<str>>(arguments: &[T]) -> Vec<Vec<Spot>> {
    let mut all: Vec<Vec<Spot>> = arguments.iter().map(|_| Vec::new()).collect();
    for (number, spot) in in_arguments(arguments) {
        all[number].push(spot);
    }
    let mut option = "";
    for (number, (argument, spots)) in arguments.iter().map(AsRef::as_ref).zip(&mut all).enumerate() {
        let hidden = argument.match_indices(HIDDEN).map(|(at, hidden)| {
            let name =
                if matches!(option, "-u" | "--user" | "--basic-auth") { "user" } else { name_before(&argument[..at]) };
            Spot { range: at..at + hidden.len(), name: name.to_owned() }
        });
        spots.extend(hidden);
        *spots = apart(std::mem::take(spots));
        for spot in spots.iter_mut().filter(|spot| spot.name.is_empty()) {
            spot.name = if option.is_empty() { format!("argument {}", number + 1) } else { option.to_owned() };
        }
        option = as_option(argument);
    }
    all
}

/// The name that a text ends with, of what follows: `--a b password=` is `password`. The user of a login is none.
fn name_before(text: &str) -> &str {
    let end = |text: &'_ str| text.trim_end_matches(['=', ':', '"', '\'', ' ', '\\', '{']).len();
    let mut before = &text[..end(text)];
    for scheme in ["bearer", "basic"] {
        let start = before.len().saturating_sub(scheme.len());
        if before.get(start..).is_some_and(|word| word.eq_ignore_ascii_case(scheme)) {
            before = &before[..end(&before[..start])];
        }
    }
    let name = before.rsplit(|c| !is_name(c)).next().unwrap_or_default();
    let is_user = before[..before.len() - name.len()].ends_with("://");
    if !is_user && (text[before.len()..].starts_with('=') || sure(name) != Sure::No) { name } else { "" }
}

/// The text with something else in the place of each of its secrets, which stand one behind the other.
pub fn instead(text: &str, spots: &[Spot], with: &mut dyn FnMut(&Spot) -> String) -> String {
    let mut out = text.to_owned();
    spots.iter().rev().for_each(|spot| out.replace_range(spot.range.clone(), &with(spot)));
    out
}

/// `user:password`, as `curl -u` takes it.
fn in_user(argument: &str) -> Vec<Spot> {
    match argument.split_once(':') {
        Some((user, password)) if !is_reference(password) && !password.starts_with("//") => {
            vec![Spot { range: user.len() + 1..argument.len(), name: "user".to_owned() }]
        }
        _ => in_text(argument),
    }
}

/// The secrets inside a text, in the order in which they stand, none inside another.
pub fn in_text(text: &str) -> Vec<Spot> {
    in_text_of("", text)
}

/// The secrets inside a text that is called something which makes none of it.
fn in_text_of(name: &str, text: &str) -> Vec<Spot> {
    let by_form = |range| Spot { range, name: String::new() };
    let mut spots: Vec<Spot> = looks::private_keys(text).into_iter().map(by_form).collect();
    spots.extend(in_names(text));
    spots.extend(looks::logins(text).into_iter().map(by_form));
    spots.extend(looks::tokens(text).into_iter().map(by_form));
    spots.extend(chance::random(name, text));
    spots.extend(commands::passwords(text).into_iter().map(by_form));
    apart(spots)
}

/// Without those that stand inside others, or reach into the one before.
fn apart(mut spots: Vec<Spot>) -> Vec<Spot> {
    spots.sort_by_key(|spot| (spot.range.start, std::cmp::Reverse(spot.range.end)));
    let mut end = 0;
    spots.retain(|spot| {
        let keeps = spot.range.start >= end && !spot.range.is_empty();
        end = if keeps { spot.range.end } else { end };
        keeps
    });
    spots
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// The values behind names inside a text: `name=value`, `"name": "value"`, `--name value`, `?sig=value`.
fn in_names(text: &str) -> Vec<Spot> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if length == 0 {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let (name, from) = (&rest[..length], at + length);
        at = from;
        let before = text[..from - length].chars().next_back();
        let signed = matches!(before, Some('?' | '&')) && SIGNATURES.iter().any(|s| name.eq_ignore_ascii_case(s));
        if sure(name) == Sure::No && !signed {
            continue;
        }
        // `https://x-access-token:…@host` is a login.
        if text[..from - length].ends_with("://") {
            continue;
        }
        let Some(written) = value_behind(name, &text[from..]) else { continue };
        let value = &text[from + written.start..from + written.end];
        // Prose has colons too: `the password: see the wiki`.
        let is_prose = written.sign == Some(':') && !written.quoted && !name.eq_ignore_ascii_case("authorization");
        let is_one = if signed && written.sign == Some('=') {
            !is_reference(value)
        } else {
            is_secret(name, value) && !(is_prose && (is_word(value) || written.close && is_column(value)))
        };
        if is_one && !is_in_arn(&text[..from - length]) {
            found.push(Spot { range: from + written.start..from + written.end, name: name.to_owned() });
        }
        // A long value is not looked through for others, once for each of them.
        if is_one || value.len() > 500 {
            at = from + written.end;
        }
    }
    found
}

/// What signs an address in its query: `?sig=…` of Azure, `X-Amz-Signature` of AWS.
const SIGNATURES: [&str; 3] = ["sig", "signature", "x-amz-signature"];

/// Whether a text ends inside an ARN: `arn:aws:secretsmanager:…:secret:NAME` says where a secret is.
fn is_in_arn(before: &str) -> bool {
    let tail: String = before.chars().rev().take(200).take_while(|c| !c.is_whitespace()).collect();
    // Read from behind.
    before.ends_with(':') && tail.contains(":nra")
}

/// Whether a value is a plain word.
fn is_word(value: &str) -> bool {
    let value = value.trim_end_matches(['.', ',', ';', ')', '!', '?']);
    value.chars().all(|c| c.is_alphabetic() || matches!(c, '-' | '\''))
}

/// Whether a value is another column or its type: `--rename password:pwd_hash`, `password:varchar(64)`.
fn is_column(value: &str) -> bool {
    const TYPES: [&str; 14] = [
        "varchar",
        "char",
        "decimal",
        "numeric",
        "bigint",
        "int",
        "uint",
        "float",
        "double",
        "string",
        "timestamp",
        "binary",
        "array",
        "map",
    ];
    let is_type = |rest: &str| rest.starts_with(['(', '<', '[']) || rest.bytes().all(|b| b.is_ascii_digit());
    value.chars().all(|c| c.is_alphabetic() || c == '_')
        || TYPES.iter().any(|name| value.strip_prefix(name).is_some_and(is_type))
}

/// A value behind a name.
struct NamedValue {
    start: usize,
    end: usize,
    /// What stands between them: `=`, `:`, or a space.
    sign: Option<char>,
    /// With nothing beside the sign.
    close: bool,
    quoted: bool,
}

fn value_behind(name: &str, rest: &str) -> Option<NamedValue> {
    let quote = |c: char| matches!(c, '"' | '\'' | '\\');
    let space = |c: char| c == ' ' || c == '\t';
    let after_quote = rest.trim_start_matches(quote);
    let name_is_quoted = after_quote.len() < rest.len();
    let after_space = after_quote.trim_start_matches(space);
    let sign = after_space.chars().next().filter(|c| matches!(c, '=' | ':'));
    let value = match sign {
        Some(_) => after_space[1..].trim_start_matches(space),
        // In a command, an option's value is the next word.
        None if name.starts_with('-') && after_space.len() < after_quote.len() => after_space,
        None => return None,
    };
    let inner = value.trim_start_matches(quote);
    let opening = &value[..value.len() - inner.len()];
    if sign.is_none() && inner.starts_with("--") || inner.starts_with("//") {
        return None;
    }
    let ends = |c: char| {
        if opening.is_empty() {
            c.is_whitespace() || matches!(c, ',' | ';' | '&' | '"' | '\'' | '}' | ')' | ']' | '|')
        } else {
            opening.contains(c)
        }
    };
    let skip = ["bearer ", "basic "].iter().find(|s| inner.get(..s.len()).is_some_and(|h| h.eq_ignore_ascii_case(s)));
    let skip = skip.map_or(0, |scheme| scheme.len());
    // In an address of SQL Server, braces quote: `password={a;b}`.
    let braced =
        if opening.is_empty() && inner.starts_with('{') && !inner.starts_with("{{") { inner.find('}') } else { None };
    let end = braced.map_or_else(|| skip + inner[skip..].find(ends).unwrap_or(inner.len() - skip), |at| at + 1);
    let start = rest.len() - inner.len();
    Some(NamedValue {
        start: start + skip,
        end: start + end,
        sign,
        close: start == 1,
        quoted: name_is_quoted || !opening.is_empty(),
    })
}

/// The secrets inside a JSON value: by names of members, of pairs (`{key, value}`, `{name, default}`), of arguments in a
/// list, and by their form. `name` is what the value itself is called, or empty.
pub fn find(name: &str, value: &Value) -> Vec<Hit> {
    let mut finder = Finder { way: Vec::new(), hits: Vec::new() };
    finder.value(name, value);
    finder.hits
}

/// The value with every secret in it replaced.
pub fn replaced(name: &str, value: &Value, with: &mut dyn FnMut(FoundSecret<'_>) -> String) -> Value {
    let mut value = value.clone();
    let mut hits = find(name, &value);
    // From the end on, so that places before it stay.
    while let Some(Hit { way, spot }) = hits.pop() {
        let place = way.iter().try_fold(&mut value, |at, step| match step {
            JsonStep::Key(key) => at.get_mut(key),
            JsonStep::Index(index) => at.get_mut(index),
        });
        match place {
            Some(Value::String(text)) => {
                let new = with(FoundSecret { secret: &text[spot.range.clone()], name: &spot.name });
                text.replace_range(spot.range, &new);
            }
            Some(other) => {
                let text = other.to_string();
                *other = with(FoundSecret { secret: &text, name: &spot.name }).into();
            }
            None => {}
        }
    }
    value
}

/// The text with every secret in it hidden.
pub fn masked(text: &str) -> String {
    hidden(text, in_text(text))
}

/// The text of a name with every secret in it hidden.
pub fn masked_value(name: &str, text: &str) -> String {
    hidden(text, in_value(name, text))
}

/// The value with every secret in it hidden, those in names of members too.
pub fn masked_json(value: &Value) -> Value {
    masked_names(replaced("", value, &mut |_| HIDDEN.to_owned()))
}

fn masked_names(value: Value) -> Value {
    match value {
        Value::Object(map) => map.into_iter().map(|(name, value)| (masked(&name), masked_names(value))).collect(),
        Value::Array(items) => items.into_iter().map(masked_names).collect(),
        other => other,
    }
}

/// Arguments with every secret in them hidden.
pub fn masked_arguments<T: AsRef<str>>(arguments: &[T]) -> Vec<String> {
    let mut out: Vec<String> = arguments.iter().map(|argument| argument.as_ref().to_owned()).collect();
    for (number, spot) in in_arguments(arguments).into_iter().rev() {
        if let Some(text) = out.get_mut(number) {
            text.replace_range(spot.range, HIDDEN);
        }
    }
    out
}

fn hidden(text: &str, spots: Vec<Spot>) -> String {
    instead(text, &spots, &mut |_| HIDDEN.to_owned())
}

struct Finder {
    way: Vec<JsonStep>,
    hits: Vec<Hit>,
}

impl Finder {
    fn value(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.add(in_value(name, text)),
            Value::Number(number) if is_secret(name, &number.to_string()) => {
                let spot = Spot { range: 0..number.to_string().len(), name: name.to_owned() };
                self.add(vec![spot]);
            }
            Value::Array(items) => self.list(name, items),
            Value::Object(map) => {
                let pair = pair(map);
                for (key, value) in map {
                    let name = match &pair {
                        Some((held, called)) if held == key => *called,
                        _ => key.as_str(),
                    };
                    self.step(JsonStep::Key(key.clone()), |finder| finder.value(name, value));
                }
            }
            _ => {}
        }
    }

    fn list(&mut self, name: &str, items: &[Value]) {
        let texts: Option<Vec<&str>> = items.iter().map(Value::as_str).collect();
        match texts {
            // `token: [a, b]` is two tokens, and not the arguments of a program.
            Some(texts) if !is_credential(name) => {
                for (number, spot) in in_arguments(&texts) {
                    self.step(JsonStep::Index(number), |finder| finder.add(vec![spot]));
                }
            }
            _ => {
                for (number, item) in items.iter().enumerate() {
                    self.step(JsonStep::Index(number), |finder| finder.value(name, item));
                }
            }
        }
    }

    fn step(&mut self, step: JsonStep, then: impl FnOnce(&mut Finder)) {
        self.way.push(step);
        then(self);
        self.way.pop();
    }

    fn add(&mut self, spots: Vec<Spot>) {
        let way = &self.way;
        self.hits.extend(spots.into_iter().map(|spot| Hit { way: way.clone(), spot }));
    }
}

/// Of an object that says a name and a value, the member with the value, and the name.
fn pair(map: &serde_json::Map<String, Value>) -> Option<(&'static str, &str)> {
    const PAIRS: [(&str, &str); 5] =
        [("key", "value"), ("name", "value"), ("Key", "Value"), ("name", "default"), ("Name", "Value")];
    PAIRS.iter().find_map(|(name, value)| {
        map.get(*value)?;
        Some((*value, map.get(*name)?.as_str()?))
    })
}

#[cfg(test)]
mod probe;
#[cfg(test)]
mod tests;
