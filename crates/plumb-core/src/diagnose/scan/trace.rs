//! Exceptions and stacks as Java and Python print them: their classes, and frames of the user's own code.

use memchr::memmem;

/// The longest name of a frame or message that is kept, in bytes.
const MOST: usize = 300;
/// So much of a line is searched for an exception's class.
const SEARCHED: usize = 4 << 10;

/// Packages whose frames are nobody's own code: the JDK, Scala, Spark, and what comes with a cluster.
const LIBRARIES: &[&str] = &[
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "com.sun.",
    "scala.",
    "org.apache.",
    "com.databricks.",
    "py4j.",
    "io.netty.",
    "com.amazonaws.",
    "com.amazon.",
    "software.amazon.",
    "org.spark_project.",
    "org.sparkproject.",
    "com.google.",
    "com.fasterxml.",
    "org.codehaus.",
    "org.json4s.",
    "io.delta.",
    "com.esotericsoftware.",
    "com.twitter.",
    "org.eclipse.",
    "org.jboss.",
    "net.jpountz.",
    "com.github.luben.",
    "org.xerial.",
    "org.postgresql.",
    "com.mysql.",
    "org.mariadb.",
    "oracle.",
    "com.microsoft.",
    "net.snowflake.",
    "com.zaxxer.",
    "org.datanucleus.",
    "com.jolbox.",
    "org.glassfish.",
    "kafka.",
    "io.confluent.",
    "akka.",
    "com.typesafe.",
    "org.slf4j.",
    "ch.qos.",
    "org.objenesis.",
    "net.razorvine.",
    "org.rocksdb.",
    "org.antlr.",
    "org.joda.",
    "okhttp3.",
    "okio.",
    "shaded.",
    "shadeio.",
    "kotlin.",
    "groovy.",
    "reflect.",
    "net.sf.",
    "org.springframework.",
    "io.prometheus.",
    "org.yaml.",
    "org.json.",
    "io.grpc.",
    "com.simba.",
    "io.unitycatalog.",
];
/// Examples are somebody's own code, though Spark brings them.
const EXAMPLES: &str = "org.apache.spark.examples.";

/// Folders of Python whose files are nobody's own code.
const PYTHON_LIBRARIES: &[&str] = &[
    "site-packages",
    "dist-packages",
    "/pyspark/",
    "/py4j/",
    "pyspark.zip",
    "py4j-",
    "/lib/python",
    "/lib64/python",
    "/databricks/spark/",
    "/databricks/python_shell/",
    "/databricks/python/",
    "<frozen",
    "importlib",
    "/airflow/models/",
    "/airflow/sdk/",
    "/airflow/task/",
];

/// The frame of a line of a Java stack, `at com.acme.Job.run(Job.scala:40)`, if it is the user's own code.
pub(super) fn own_java_frame(line: &[u8]) -> Option<String> {
    let frame = line.trim_ascii().strip_prefix(b"at ")?;
    // `java.base/`, `app//`: the module or loader.
    let end = memchr::memchr(b'(', frame)?;
    let name = &frame[..end];
    let name = &name[memchr::memrchr(b'/', name).map_or(0, |at| at + 1)..];
    let is_library = LIBRARIES.iter().any(|package| name.starts_with(package.as_bytes()));
    if is_library && !name.starts_with(EXAMPLES.as_bytes()) || !name.contains(&b'.') {
        return None;
    }
    let source = frame.get(end..)?;
    let source = &source[..memchr::memchr(b')', source).map_or(source.len(), |at| at + 1)];
    Some(short(&[name, source].concat()))
}

/// What a line of a Python stack names.
pub(super) enum PythonFrame {
    Own(String),
    Library,
}

/// The frame of a line of a Python stack: `  File "job.py", line 12, in clean`, and in a notebook
/// `File <command-123>:5, in clean(x)` or `<command-123> in clean(x)`.
pub(super) fn python_frame(line: &[u8]) -> Option<PythonFrame> {
    let text = std::str::from_utf8(line.trim_ascii()).ok()?;
    let (file, at, name) = if let Some(rest) = text.strip_prefix("File \"") {
        let (file, rest) = rest.split_once('"')?;
        let rest = rest.strip_prefix(", line ")?;
        let (at, name) = rest.split_once(", in ").unwrap_or((rest, ""));
        (file, at, name)
    } else if let Some(rest) = text.strip_prefix("File ") {
        let (place, name) = rest.split_once(", in ").unwrap_or((rest, ""));
        let place = place.strip_prefix('~').unwrap_or(place);
        match place.split_once(", line ") {
            Some((file, at)) => (file, at, name),
            None => {
                let (file, at) = place.rsplit_once(':')?;
                (file, at, name)
            }
        }
    } else {
        let (file, name) = text.split_once(" in ")?;
        let is_place = file.starts_with("<command-") || file.starts_with("<ipython-") || file.starts_with('/');
        if !is_place || file.contains(' ') {
            return None;
        }
        (file, "", name)
    };
    if !at.is_empty() && !at.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    if PYTHON_LIBRARIES.iter().any(|library| file.contains(library)) {
        return Some(PythonFrame::Library);
    }
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let name = name.split('(').next().unwrap_or_default().trim();
    let line = if at.is_empty() { String::new() } else { format!(":{at}") };
    let name = if name.is_empty() { String::new() } else { format!(", in {name}") };
    Some(PythonFrame::Own(short(format!("{base}{line}{name}").as_bytes())))
}

/// An exception's class and message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thrown {
    pub class: String,
    pub message: String,
}

impl Thrown {
    fn new(class: &[u8], message: &[u8]) -> Thrown {
        Thrown { class: short(class), message: short(message.trim_ascii()) }
    }

    /// Whether it was made by what stands between Python and the JVM: then the JVM says what happened.
    /// Whether a library throws such exceptions, and not the user's own code, though it stands in the stack. The JDK and Scala
    /// throw for whoever calls them: a number that is none is the user's.
    pub(super) fn is_of_library(&self) -> bool {
        let for_anybody = ["java.", "javax.", "jdk.", "sun.", "com.sun.", "scala."];
        let of_library = LIBRARIES.iter().any(|start| self.class.starts_with(start));
        of_library && !for_anybody.iter().any(|start| self.class.starts_with(start))
    }

    pub(super) fn is_of_bridge(&self) -> bool {
        ["py4j.", "pyspark.", "Py4JJavaError"].iter().any(|start| self.class.starts_with(start))
    }
}

/// What follows `Caused by: ` or py4j's `: `: the class is named first, whatever it is called.
pub(super) fn java_exception(text: &[u8]) -> Option<Thrown> {
    let length = name_length(text);
    let class = &text[..length];
    let is_class = class.contains(&b'.') && !class.ends_with(b".");
    match text.get(length) {
        None if is_class => Some(Thrown::new(class, b"")),
        Some(b':') if is_class => Some(Thrown::new(class, &text[length + 1..])),
        _ => None,
    }
}

/// The last line of a Python traceback: `ValueError: bad`, `KeyError`, `acme.errors.Bad: x`.
pub(super) fn python_exception(line: &[u8]) -> Option<Thrown> {
    let length = name_length(line);
    let starts = line.first().is_some_and(|b| b.is_ascii_alphabetic() || *b == b'_');
    match line.get(length) {
        None if starts => Some(Thrown::new(line, b"")),
        Some(b':') if starts => Some(Thrown::new(&line[..length], &line[length + 1..])),
        _ => None,
    }
}

/// An exception that a line begins with, by the look of its class: `java.lang.IllegalStateException: x`,
/// `Exception in thread "main" …`.
pub(super) fn leading_exception(line: &[u8]) -> Option<Thrown> {
    let text = match line.strip_prefix(b"Exception in thread ") {
        Some(rest) => &rest[memmem::find(rest, b"\" ")? + 2..],
        None => line,
    };
    java_exception(text).filter(|thrown| looks_thrown(thrown.class.as_bytes())).map(|thrown| inner(thrown, text))
}

/// An exception that stands somewhere in a message: `Lost task 0.0 … executor 1): java.lang.RuntimeException: bad`.
pub(super) fn exception_within(message: &[u8]) -> Option<Thrown> {
    let text = &message[..message.len().min(SEARCHED)];
    let from = memchr::memrchr_iter(b')', text).find(|at| text[*at..].starts_with(b"): ")).map_or(0, |at| at + 3);
    let text = &text[from..];
    let mut at = 0;
    loop {
        if let Some(thrown) = java_exception(&text[at..]).filter(|thrown| looks_thrown(thrown.class.as_bytes())) {
            return Some(thrown);
        }
        at += memchr::memchr(b' ', &text[at..])? + 1;
    }
}

/// What failed inside of a stage that was given up: `SparkException: Job aborted due to stage failure: … ): java.x.Y: bad`.
fn inner(outer: Thrown, text: &[u8]) -> Thrown {
    match memmem::find(&text[..text.len().min(SEARCHED)], b"Lost task ") {
        Some(at) => exception_within(&text[at..]).unwrap_or(outer),
        None => outer,
    }
}

fn looks_thrown(class: &[u8]) -> bool {
    [&b"Exception"[..], b"Error", b"Throwable", b"Failure", b"Fault"].iter().any(|end| class.ends_with(end))
}

fn name_length(text: &[u8]) -> usize {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'$');
    text.iter().take(MOST).take_while(|b| is_name(b)).count()
}

fn short(text: &[u8]) -> String {
    super::event::text_of(text, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_the_users_own_code_are_told_from_libraries() {
        let java = |line: &str| own_java_frame(line.as_bytes());
        assert_eq!(java("\tat com.acme.Job$.run(Job.scala:40)").as_deref(), Some("com.acme.Job$.run(Job.scala:40)"));
        assert_eq!(
            java("\tat app//com.acme.Job.run(Job.java:4) ~[a.jar:?]").as_deref(),
            Some("com.acme.Job.run(Job.java:4)")
        );
        assert_eq!(java("\tat $line14.$read$$iw.f(<console>:2)").as_deref(), Some("$line14.$read$$iw.f(<console>:2)"));
        assert_eq!(java("\tat java.base/java.lang.Thread.run(Thread.java:840)"), None);
        assert_eq!(java("\tat org.apache.spark.rdd.RDD.iterator(RDD.scala:1)"), None);
        assert_eq!(
            java("\tat org.apache.spark.examples.Pi.main(Pi.scala:1)").as_deref(),
            Some("org.apache.spark.examples.Pi.main(Pi.scala:1)")
        );
        assert_eq!(java("\tat nothing"), None);
        let python = |line: &str| match python_frame(line.as_bytes()) {
            Some(PythonFrame::Own(frame)) => frame,
            Some(PythonFrame::Library) => "library".into(),
            None => "none".into(),
        };
        assert_eq!(python("  File \"/mnt/tmp/job.py\", line 12, in clean"), "job.py:12, in clean");
        assert_eq!(
            python("  File \"/usr/lib/spark/python/lib/pyspark.zip/pyspark/worker.py\", line 6, in main"),
            "library"
        );
        assert_eq!(python("  File \"/usr/lib/python3.11/json/decoder.py\", line 6, in x"), "library");
        assert_eq!(python("File <command-123>:5, in clean(x)"), "<command-123>:5, in clean");
        assert_eq!(python("File <command-123>, line 5"), "<command-123>:5");
        assert_eq!(python("<command-123> in clean(x)"), "<command-123>, in clean");
        assert_eq!(python("File /databricks/spark/python/pyspark/sql/x.py:3, in f(self)"), "library");
        assert_eq!(python("    return f(x)"), "none");
        assert_eq!(python("it is in there"), "none");
    }

    #[test]
    fn exceptions_are_found_where_they_stand() {
        let class = |thrown: Option<Thrown>| thrown.map(|thrown| thrown.class).unwrap_or_default();
        assert_eq!(class(java_exception(b"com.acme.BadRow: x")), "com.acme.BadRow");
        assert_eq!(class(java_exception(b"something else: x")), "");
        assert_eq!(class(leading_exception(b"Exception in thread \"main\" java.lang.Error: x")), "java.lang.Error");
        assert_eq!(class(leading_exception(b"Exception in thread \"a b\" java.lang.Error")), "java.lang.Error");
        let aborted = b"org.apache.spark.SparkException: Job aborted due to stage failure: Task 3 in stage 7.0 failed 4 times, most recent failure: Lost task 3.3 in stage 7.0 (TID 41) (10.0.0.1 executor 5): java.lang.RuntimeException: bad";
        assert_eq!(class(leading_exception(aborted)), "java.lang.RuntimeException");
        assert_eq!(
            class(exception_within(b"User class threw exception: java.io.IOException: x")),
            "java.io.IOException"
        );
        assert_eq!(class(exception_within(b"nothing of the kind")), "");
        assert_eq!(class(python_exception(b"ValueError: bad")), "ValueError");
        assert_eq!(class(python_exception(b"KeyError")), "KeyError");
        assert_eq!(class(python_exception(b"3 rows: bad")), "");
        assert_eq!(class(python_exception(b"what is this: bad")), "");
    }
}
