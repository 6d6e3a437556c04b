//! The grammar of spark-submit.
//!
//! Source: apache/spark, `SparkSubmitOptionParser.java`. Options end at the first word that is neither an option nor an
//! option's value: the application. All that follows are its own arguments, whatever they look like.

/// Options that take a value.
const VALUED: [&str; 29] = [
    "--archives",
    "--class",
    "--conf",
    "--deploy-mode",
    "--driver-class-path",
    "--driver-cores",
    "--driver-java-options",
    "--driver-library-path",
    "--driver-memory",
    "--exclude-packages",
    "--executor-cores",
    "--executor-memory",
    "--files",
    "--jars",
    "--keytab",
    "--kill",
    "--master",
    "--name",
    "--num-executors",
    "--packages",
    "--principal",
    "--properties-file",
    "--proxy-user",
    "--py-files",
    "--queue",
    "--remote",
    "--repositories",
    "--status",
    "--total-executor-cores",
];
/// Options that take none.
const SWITCHES: [&str; 7] = ["--help", "-h", "--supervise", "--usage-error", "--verbose", "-v", "--version"];

/// A parsed command line. Positions count the words that were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Submit {
    /// Options in order, each by its long name, with its value where it takes one.
    pub options: Vec<Opt>,
    /// The application: a JAR, a Python or an R file.
    pub application: Option<Word>,
    /// Its own arguments.
    pub arguments: Vec<Word>,
}

/// An option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    pub name: String,
    pub value: String,
    /// The positions of its first and of its last word.
    pub words: (usize, usize),
}

/// A word and its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub position: usize,
}

/// What spark-submit would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// An option that it does not know.
    #[error("spark-submit has no option `{0}`")]
    Unknown(String),
    /// An option at the end, without its value.
    #[error("`{0}` has no value")]
    NoValue(String),
    /// No application.
    #[error("no application is named")]
    NoApplication,
}

impl Submit {
    /// The last value of an option: later ones win.
    pub fn last(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|o| o.name == name).map(|o| o.value.as_str())
    }

    /// Options of spark-submit that stand behind the application, where they are arguments and have no effect.
    pub fn misplaced(&self) -> Vec<&Word> {
        let own = self.last("--class").is_some();
        // A name that only an application would have (`--name`, `--files`) says nothing; these do.
        let telling = [
            "--deploy-mode",
            "--master",
            "--conf",
            "--executor-memory",
            "--num-executors",
            "--driver-memory",
            "--py-files",
            "--packages",
        ];
        let is_telling = |w: &&Word| {
            let name = w.text.split('=').next().unwrap_or_default();
            telling.contains(&name) || name == "--class" && !own
        };
        self.arguments.iter().filter(is_telling).collect()
    }
}

/// Parses the words behind `spark-submit`.
pub fn parse(words: &[String]) -> Result<Submit, Refused> {
    let mut submit = Submit::default();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let long = if word == "-c" { "--conf" } else { word.as_str() };
        // `(--[^=]+)=(.+)`: an empty value is no value.
        let (name, inline) = match long.split_once('=') {
            Some((name, value)) if name.starts_with("--") && name.len() > 2 && !value.is_empty() => (name, Some(value)),
            _ => (long, None),
        };
        if VALUED.contains(&name) {
            let value = match inline {
                Some(value) => value.to_owned(),
                None => words.get(at + 1).cloned().ok_or_else(|| Refused::NoValue(name.to_owned()))?,
            };
            let last = at + usize::from(inline.is_none());
            submit.options.push(Opt { name: name.to_owned(), value, words: (at, last) });
            at = last + 1;
        } else if SWITCHES.contains(&name) && inline.is_none() {
            submit.options.push(Opt { name: name.to_owned(), value: String::new(), words: (at, at) });
            at += 1;
        } else if word.starts_with('-') {
            return Err(Refused::Unknown(name.to_owned()));
        } else {
            submit.application = Some(Word { text: word.clone(), position: at });
            let rest = words.iter().enumerate().skip(at + 1);
            submit.arguments = rest.map(|(position, text)| Word { text: text.clone(), position }).collect();
            break;
        }
    }
    if submit.application.is_none() {
        return Err(Refused::NoApplication);
    }
    Ok(submit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn options_end_at_the_application() {
        let s = parse(&words("--class A --conf=k=v=w -c x=y x.jar --deploy-mode cluster --master yarn")).unwrap();
        let conf: Vec<&str> = s.options.iter().filter(|o| o.name == "--conf").map(|o| o.value.as_str()).collect();
        assert_eq!(conf, ["k=v=w", "x=y"]);
        assert_eq!(s.arguments.len(), 4);
        assert_eq!(s.misplaced().iter().map(|w| w.text.as_str()).collect::<Vec<_>>(), ["--deploy-mode", "--master"]);
        assert_eq!(s.application.map(|a| a.position), Some(5));
    }

    #[test]
    fn what_spark_refuses_is_refused() {
        assert_eq!(parse(&words("--what x.jar")), Err(Refused::Unknown("--what".into())));
        assert_eq!(parse(&words("--class")), Err(Refused::NoValue("--class".into())));
        assert_eq!(parse(&words("--verbose")), Err(Refused::NoApplication));
        assert_eq!(parse(&words("--verbose=1 x.py")), Err(Refused::Unknown("--verbose".into())));
        // An option's value may look like an option.
        assert_eq!(parse(&words("--name --class x.py")).unwrap().last("--name"), Some("--class"));
    }
}
