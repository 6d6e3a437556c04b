//! DAG files become DAGs: through the machine's `python3` where there is one, which reads them without running them
//! (`parse.py` and `describe.py`), and by a plain check of the syntax on a machine without it.

use super::child::{Limits, NoAnswer, ask};
use super::definition::{Definition, Schedule};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parsed {
    Dags(Vec<Definition>),
    /// Airflow's own words, with the line.
    Error(String),
}

/// Where a file is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deployment {
    /// 3 or 2.
    pub major: u8,
    /// Packages that are not installed.
    pub missing: Vec<String>,
}

/// What files were found to say, by where they were read, their paths and their texts.
///
/// A text that was read before says the same again, and starting Python takes longer than all else that the sandbox does.
#[derive(Debug, Default)]
pub struct ParseCache(BTreeMap<(Deployment, String, String), Parsed>);

impl ParseCache {
    /// How many are kept: a sandbox that runs for days must not grow without end.
    const MOST: usize = 1000;

    /// Takes out of `files` those that were read before, and answers what they said.
    pub fn recall(&self, files: &mut BTreeMap<String, String>, at: &Deployment) -> BTreeMap<String, Parsed> {
        let mut known = BTreeMap::new();
        files.retain(|path, text| match self.0.get(&(at.clone(), path.clone(), text.clone())) {
            Some(parsed) => known.insert(path.clone(), parsed.clone()).is_some(),
            None => true,
        });
        known
    }

    /// Keeps what a file was found to say.
    pub fn keep(&mut self, path: &str, text: &str, at: &Deployment, parsed: &Parsed) {
        if self.0.len() >= Self::MOST {
            self.0.clear();
        }
        self.0.insert((at.clone(), path.to_owned(), text.to_owned()), parsed.clone());
    }
}

const READER: &str = concat!(include_str!("parse.py"), "\n\n", include_str!("describe.py"));

/// Where a Python may be. The environment is not asked: the child gets none of it, and a shim of it would find nothing.
const PYTHONS: [&str; 4] = ["/usr/bin/python3", "/usr/local/bin/python3", "/opt/homebrew/bin/python3", "python3"];

/// What reading all files may take, before each is read alone.
const ALL: Limits = Limits { time: Duration::from_secs(30), output: MOST_OUTPUT };
/// What reading one file may take.
const ONE: Limits = Limits { time: Duration::from_secs(10), output: MOST_OUTPUT };
/// How long all that are read alone may take together.
const TOGETHER: Duration = Duration::from_secs(60);
const MOST_OUTPUT: u64 = 64 << 20;

/// Reads files, given by their absolute paths.
///
/// The files are untrusted. One that crashes the reader, or keeps it busy, is found by reading each alone, and has an import
/// error; the others say what they say.
pub fn parse(files: &BTreeMap<String, String>, at: &Deployment) -> BTreeMap<String, Parsed> {
    for python in PYTHONS {
        match by_python(python, files, at, ALL) {
            Ok(parsed) => return parsed,
            Err(NoAnswer::Unable) => {}
            Err(NoAnswer::Stopped) => return each_alone(python, files, at, ONE),
        }
    }
    files.iter().map(|(path, text)| (path.clone(), by_hand(path, text))).collect()
}

fn each_alone(
    python: &str,
    files: &BTreeMap<String, String>,
    at: &Deployment,
    limits: Limits,
) -> BTreeMap<String, Parsed> {
    let begun = Instant::now();
    let one = |(path, text): (&String, &String)| {
        let time = TOGETHER.saturating_sub(begun.elapsed()).min(limits.time);
        let alone = BTreeMap::from([(path.clone(), text.clone())]);
        let read = by_python(python, &alone, at, Limits { time, ..limits });
        (path.clone(), read.ok().and_then(|mut parsed| parsed.remove(path)).unwrap_or_else(|| too_much(path)))
    };
    files.iter().map(one).collect()
}

/// The import error of a file whose reading took more than it may.
fn too_much(path: &str) -> Parsed {
    Parsed::Error(format!(
        "Traceback (most recent call last):\n  File \"{path}\", line 1, in <module>\n\
         airflow.exceptions.AirflowTaskTimeout: DagBag import timeout for {path}\n"
    ))
}

fn by_python(
    python: &str,
    files: &BTreeMap<String, String>,
    at: &Deployment,
    limits: Limits,
) -> Result<BTreeMap<String, Parsed>, NoAnswer> {
    let request = json!({ "version": version(at.major), "missing": at.missing, "files": files }).to_string();
    // Isolated, and without the packages of whoever runs it.
    let output = ask(python, &["-I", "-S", "-c", READER], request, limits)?;
    serde_json::from_slice(&output).map_err(|_| NoAnswer::Unable)
}

/// The release that is emulated.
pub fn version(major: u8) -> &'static str {
    if major == 2 { "2.11.2" } else { "3.3.2" }
}

/// What can be told without Python: whether strings and brackets are closed, and which ids are given as literals.
fn by_hand(path: &str, text: &str) -> Parsed {
    let tokens = match tokens(text) {
        Ok(tokens) => tokens,
        Err((line, words)) => {
            let code = text.lines().nth(line - 1).unwrap_or_default().trim();
            let trace = format!(
                "Traceback (most recent call last):\n  File \"{path}\", line {line}\n    {code}\nSyntaxError: {words}\n"
            );
            return Parsed::Error(trace);
        }
    };
    let mut dags: Vec<Definition> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let word = |offset: usize| tokens.get(at + offset).map(PythonToken::word).unwrap_or_default();
        let value = |offset: usize| match tokens.get(at + offset) {
            Some(PythonToken::Text(text)) => Some(text.clone()),
            _ => None,
        };
        // plumb's own files hold the manifest as one JSON literal.
        if let PythonToken::Text(text) = token
            && let Ok(spec) = serde_json::from_str::<Value>(text)
            && let Some(dag_id) = spec["dag_id"].as_str()
        {
            dags.push(of_spec(dag_id, &spec));
            continue;
        }
        let named = token.word() == "dag_id" && word(1) == "=";
        let called = token.word() == "DAG" && word(1) == "(";
        if let Some(dag_id) = value(2).filter(|_| named || called) {
            if !dags.iter().any(|dag| dag.dag_id == dag_id) {
                dags.push(Definition { dag_id, ..Definition::default() });
            }
        } else if let (Some(dag), "schedule", "=") = (dags.last_mut(), token.word(), word(1)) {
            dag.schedule.cron = dag.schedule.cron.take().or_else(|| value(2));
        }
    }
    Parsed::Dags(dags)
}

fn of_spec(dag_id: &str, spec: &Value) -> Definition {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let tags = spec["tags"].as_array().map(|tags| tags.iter().filter_map(text).collect()).unwrap_or_default();
    Definition {
        dag_id: dag_id.to_owned(),
        description: text(&spec["description"]),
        doc_md: text(&spec["doc"]),
        owners: text(&spec["owner"]).into_iter().collect(),
        catchup: spec["catchup"].as_bool(),
        schedule: Schedule {
            cron: text(&spec["schedule"]["cron"]),
            timezone: text(&spec["schedule"]["timezone"]),
            ..Schedule::default()
        },
        tags,
        ..Definition::default()
    }
}

#[derive(Debug, PartialEq)]
enum PythonToken {
    Word(String),
    Text(String),
}

impl PythonToken {
    fn word(&self) -> &str {
        match self {
            PythonToken::Word(word) => word,
            PythonToken::Text(_) => "",
        }
    }
}

/// Words, signs and strings; or the line of what is not closed, in Python's words.
fn tokens(text: &str) -> Result<Vec<PythonToken>, (usize, String)> {
    let chars: Vec<char> = text.chars().collect();
    let (mut tokens, mut open, mut line, mut at) = (Vec::new(), Vec::<(char, usize)>::new(), 1, 0);
    while at < chars.len() {
        let c = chars[at];
        match c {
            '\n' => line += 1,
            '#' => {
                while at + 1 < chars.len() && chars[at + 1] != '\n' {
                    at += 1;
                }
            }
            '\'' | '"' => {
                let begun = line;
                // Letters before the quote belong to the string: r"…", f"…".
                let prefix = match tokens.last() {
                    Some(PythonToken::Word(word)) if word.len() <= 2 && at > 0 && chars[at - 1].is_alphabetic() => {
                        word.clone()
                    }
                    _ => String::new(),
                };
                let raw = prefix.contains(['r', 'R']);
                let (string, next) = string(&chars, at, raw, &mut line)
                    .ok_or_else(|| (begun, format!("unterminated string literal (detected at line {begun})")))?;
                if !prefix.is_empty() {
                    tokens.pop();
                }
                tokens.push(PythonToken::Text(string));
                at = next;
                continue;
            }
            '(' | '[' | '{' => open.push((c, line)),
            ')' | ']' | '}' => {
                let pair = match c {
                    ')' => '(',
                    ']' => '[',
                    _ => '{',
                };
                match open.pop() {
                    None => return Err((line, format!("unmatched '{c}'"))),
                    Some((other, _)) if other != pair => {
                        let words = format!("closing parenthesis '{c}' does not match opening parenthesis '{other}'");
                        return Err((line, words));
                    }
                    Some(_) => {}
                }
            }
            _ => {}
        }
        if c.is_alphanumeric() || c == '_' {
            let begin = at;
            while at < chars.len() && (chars[at].is_alphanumeric() || chars[at] == '_') {
                at += 1;
            }
            tokens.push(PythonToken::Word(chars[begin..at].iter().collect()));
            continue;
        }
        if !c.is_whitespace() && c != '#' {
            tokens.push(PythonToken::Word(c.to_string()));
        }
        at += 1;
    }
    match open.pop() {
        Some((c, line)) => Err((line, format!("'{c}' was never closed"))),
        None => Ok(tokens),
    }
}

/// The string that begins at a quote, and the place after it.
fn string(chars: &[char], begin: usize, raw: bool, line: &mut usize) -> Option<(String, usize)> {
    let quote = chars[begin];
    let long = chars.get(begin + 1) == Some(&quote) && chars.get(begin + 2) == Some(&quote);
    let width = if long { 3 } else { 1 };
    let (mut text, mut at) = (String::new(), begin + width);
    while at < chars.len() {
        let c = chars[at];
        if c == quote && (!long || (chars.get(at + 1) == Some(&quote) && chars.get(at + 2) == Some(&quote))) {
            return Some((text, at + width));
        }
        if c == '\n' {
            *line += 1;
            if !long {
                return None;
            }
        }
        if c == '\\' {
            if raw {
                text.push(c);
            }
            at += 1;
            if chars.get(at) == Some(&'\n') {
                *line += 1;
            }
        }
        text.extend(chars.get(at));
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "from airflow import DAG  # it's \"fine\"\nwith DAG(\n    dag_id=\"a_b\",\n    schedule=r'0 4 * * *',\n):\n    \
        pass\n";

    fn one(path: &str, text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(path.to_owned(), text.to_owned())])
    }

    fn at(major: u8) -> Deployment {
        Deployment { major, missing: Vec::new() }
    }

    /// What Python says, where there is one.
    fn read(files: &BTreeMap<String, String>, at: &Deployment) -> Option<BTreeMap<String, Parsed>> {
        PYTHONS.iter().find_map(|python| by_python(python, files, at, ALL).ok())
    }

    #[test]
    fn what_is_not_installed_cannot_be_imported() {
        let files = one("/dags/a.py", "from airflow.providers.databricks.operators.databricks import X\n");
        let without = Deployment { major: 3, missing: vec!["airflow.providers.databricks".to_owned()] };
        let Some(parsed) = read(&files, &without) else { return };
        let Parsed::Error(trace) = &parsed["/dags/a.py"] else { panic!("{parsed:?}") };
        assert!(trace.ends_with("No module named 'airflow.providers.databricks'\n"), "{trace}");
        let mut known = ParseCache::default();
        known.keep("/dags/a.py", &files["/dags/a.py"], &without, &parsed["/dags/a.py"]);
        assert!(known.recall(&mut files.clone(), &at(3)).is_empty(), "it may be installed by now");
    }

    #[test]
    fn what_was_read_before_is_known_and_nothing_else() {
        let mut known = ParseCache::default();
        known.keep("/dags/a.py", GOOD, &at(3), &Parsed::Error("x".to_owned()));
        for (path, text, major, is_known) in [
            ("/dags/a.py", GOOD, 3, true),
            ("/dags/a.py", GOOD, 2, false),
            ("/dags/a.py", "other", 3, false),
            ("/dags/b.py", GOOD, 3, false),
        ] {
            let mut files = one(path, text);
            let found = known.recall(&mut files, &at(major));
            assert_eq!((found.len(), files.len()), (usize::from(is_known), usize::from(!is_known)), "{path} {major}");
        }
        for i in 0..ParseCache::MOST {
            known.keep("/dags/a.py", &i.to_string(), &at(3), &Parsed::Dags(Vec::new()));
        }
        assert!(known.0.len() <= ParseCache::MOST);
    }

    #[test]
    fn python_finds_what_a_file_defines() {
        // Where there is no Python, the check by hand has to find the id as well.
        let parsed = parse(&one("/dags/a.py", GOOD), &at(3));
        let Parsed::Dags(dags) = &parsed["/dags/a.py"] else { panic!("{parsed:?}") };
        assert_eq!((dags[0].dag_id.as_str(), dags[0].schedule.cron.as_deref()), ("a_b", Some("0 4 * * *")));
    }

    #[test]
    fn an_operator_of_the_files_own_starts_what_it_extends() {
        let text = "from airflow import DAG\nfrom airflow.providers.databricks.operators.databricks import \
            DatabricksRunNowOperator\nclass Mending(DatabricksRunNowOperator):\n    def execute(self, context):\n        \
            pass\nclass More(Mending):\n    pass\nwith DAG('a', schedule=None):\n    More(task_id='x', job_name='j', \
            max_repairs=2)\n    Mending(task_id='y', job_name='j', max_repairs=1, keep_parameters=False)\n    \
            DatabricksRunNowOperator(task_id='z', job_name='j')\n";
        let Some(parsed) = read(&one("/dags/a.py", text), &at(3)) else { return };
        let Parsed::Dags(dags) = &parsed["/dags/a.py"] else { panic!("{parsed:?}") };
        let [x, y, z] = dags[0].tasks.as_slice() else { panic!("{dags:?}") };
        assert_eq!((x.operator.as_str(), y.operator.as_str()), ("More", "Mending"));
        assert!(x.module.starts_with("unusual_prefix_") && x.module.ends_with("_a"), "{}", x.module);
        assert!(x.starts.is_some() && x.starts == y.starts && y.starts == z.starts);
        let repairs = |most, keeps| Some(super::super::definition::TaskRepairs { most, keeps });
        assert_eq!((&x.repairs, &y.repairs, &z.repairs), (&repairs(2, true), &repairs(1, false), &None));
    }

    #[test]
    fn python_finds_what_is_wrong() {
        let files = one("/dags/a.py", "from airflow import DAG\nimport nosuchmodule\n");
        let Some(parsed) = read(&files, &at(3)) else { return };
        let Parsed::Error(trace) = &parsed["/dags/a.py"] else { panic!("{parsed:?}") };
        assert!(trace.contains("File \"/dags/a.py\", line 2, in <module>\n    import nosuchmodule"), "{trace}");
        assert!(trace.ends_with("ModuleNotFoundError: No module named 'nosuchmodule'\n"), "{trace}");
        let sdk = one("/dags/a.py", "from airflow.sdk import DAG\n");
        assert!(matches!(&read(&sdk, &at(2)).unwrap()["/dags/a.py"], Parsed::Error(_)));
        assert_eq!(read(&sdk, &at(3)).unwrap()["/dags/a.py"], Parsed::Dags(Vec::new()));
    }

    #[test]
    fn a_file_sees_nothing_of_the_interpreter() {
        // Each reaches for a module of the reader through what it can name.
        for (reach, shown) in [
            ("'{0.__init__.__globals__[sys].modules[os].environ}'.format(DAG)", "?"),
            ("'{0.__class__.__mro__}'.format(Exception)", "?"),
            ("'{0.__class__.__mro__}'.format('')", "?"),
            ("'{a.__init__.__globals__}'.format(a=len)", "?"),
            ("'{:{0.__class__}}'.format(1)", ""),
            ("f'{DAG}{len!r}{Exception}'", "???"),
            (
                "'{0[0]} {0!r} {b:03d} {}'.format([7], b=5) if False else '{0[0]} {0!r} {b:03d}'.format([7], b=5)",
                "7 [7] 005",
            ),
            ("'{} {}'.format('a', 2)", "a 2"),
        ] {
            let text = format!("from airflow import DAG\nDAG(dag_id='a', description={reach})\n");
            let Some(parsed) = read(&one("/dags/a.py", &text), &at(3)) else { return };
            match &parsed["/dags/a.py"] {
                Parsed::Dags(dags) => assert_eq!(dags[0].description.as_deref(), Some(shown), "{reach}"),
                Parsed::Error(trace) => {
                    assert!(shown.is_empty() && trace.contains("Unknown format code '?'"), "{reach}: {trace}");
                }
            }
        }
    }

    #[test]
    fn a_file_that_takes_too_much_has_an_import_error_and_the_others_are_read() {
        let heavy = [
            ("/dags/time.py", "sum(range(10000000000000))"),
            ("/dags/memory.py", "x = 'a' * 100000000000"),
            ("/dags/width.py", "x = '{:>100000000000}'.format(1)"),
            ("/dags/circle.py", "x = []\nx.append(x)\nDAG(dag_id='c', default_args={'a': x})"),
            ("/dags/digits.py", &format!("DAG(dag_id='d', params={{'a': {0} * {0}}})", "9".repeat(4000))),
        ];
        let mut files: BTreeMap<String, String> =
            heavy.map(|(path, text)| (path.to_owned(), format!("from airflow import DAG\n{text}\n"))).into();
        files.insert("/dags/good.py".to_owned(), GOOD.to_owned());
        if read(&one("/dags/good.py", GOOD), &at(3)).is_none() {
            return;
        }
        let quick = Limits { time: Duration::from_secs(3), ..ALL };
        let python = PYTHONS.iter().find(|python| by_python(python, &one("a", GOOD), &at(3), ALL).is_ok()).unwrap();
        assert_eq!(by_python(python, &files, &at(3), quick), Err(NoAnswer::Stopped));
        let parsed = each_alone(python, &files, &at(3), quick);
        for (path, said) in parsed {
            match said {
                Parsed::Dags(dags) => assert_eq!((path.as_str(), dags.len()), ("/dags/good.py", 1)),
                Parsed::Error(trace) => assert!(path != "/dags/good.py" && trace.contains(&path), "{path}: {trace}"),
            }
        }
    }

    #[test]
    fn without_python_ids_and_open_brackets_are_found() {
        assert_eq!(by_python("no-such-python", &one("a", GOOD), &at(3), ALL), Err(NoAnswer::Unable));
        let Parsed::Dags(dags) = by_hand("/dags/a.py", GOOD) else { panic!("an error") };
        assert_eq!((dags.len(), dags[0].dag_id.as_str()), (1, "a_b"));
        assert_eq!(dags[0].schedule.cron.as_deref(), Some("0 4 * * *"));
        let spec = "SPEC = json.loads(r\"\"\"\n{\"dag_id\": \"m\", \"description\": \"a\\n\\\"b\", \"tags\": [\"t\"]}\n\"\"\")\nDAG(dag_id=SPEC[\"dag_id\"])\n";
        let Parsed::Dags(dags) = by_hand("/dags/m.py", spec) else { panic!("an error") };
        assert_eq!((dags.len(), dags[0].dag_id.as_str(), dags[0].tags.len()), (1, "m", 1));
        assert_eq!(dags[0].description.as_deref(), Some("a\n\"b"));
        for (text, line, words) in [
            ("x = [1,\n(2]\n", 2, "closing parenthesis ']' does not match opening parenthesis '('"),
            ("a\nx = (\n", 2, "'(' was never closed"),
            ("x = 'abc\n", 1, "unterminated string literal (detected at line 1)"),
            ("'''a\nb'''\n}", 3, "unmatched '}'"),
        ] {
            let Parsed::Error(trace) = by_hand("/d/a.py", text) else { panic!("{text}") };
            assert!(trace.contains(&format!("line {line}\n")) && trace.contains(words), "{trace}");
        }
    }
}
