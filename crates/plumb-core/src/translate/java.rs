//! Options of the Java machine: which of them the runtime's Java takes.
//!
//! An option that a Java machine does not know stops it, and with it the cluster. So this is a list of what is allowed:
//! `data/java-flags.tsv` has the flags of HotSpot and which Java takes each. The columns for 17 and 21 come from trying
//! every flag on OpenJDK 17.0.15 and 21.0.8, that for 8 from the sources of 8u (`globals.hpp`, `arguments.cpp`), with
//! what later updates brought to 8.

use super::runtime::{self, Runtime};

const FLAGS: &str = include_str!("data/java-flags.tsv");

/// What becomes of one option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum JavaVerdict {
    Keep,
    Drop(String),
    /// Left out until a person has looked at it.
    Ask(&'static str),
}

/// The Java that a runtime has (Databricks' release notes: 17 since 16.0, 21 since 18.0).
pub(super) fn version(runtime: Option<&Runtime>) -> u8 {
    let Some(runtime) = runtime else { return 17 };
    let number = runtime.key.split('.').next().and_then(|n| n.parse::<u32>().ok());
    runtime::java(&runtime.key).unwrap_or(match number {
        Some(..16) => 8,
        Some(18..) => 21,
        _ => 17,
    })
}

const MEMORY: &str = "Databricks sizes the memory of its Java machines by the machine type";
const FILE: &str = "it names a file on EMR's nodes, which is not on those of Databricks";
const AGENT: &str = "without the agent's file on every node no Java machine would start";
const LOGGING: &str = "Databricks has a logging configuration of its own, and the file is not on its nodes";
const LOG: &str = "its log is a file on a node, and goes with the node";
const OUT_OF_MEMORY: &str = "EMR's way to end a Java machine that is out of memory; Databricks watches its own";

/// The flags that size the memory.
const SIZES: [&str; 13] = [
    "MaxHeapSize",
    "InitialHeapSize",
    "MinHeapSize",
    "NewSize",
    "MaxNewSize",
    "MaxRAM",
    "MaxRAMFraction",
    "MinRAMFraction",
    "InitialRAMFraction",
    "MaxRAMPercentage",
    "MinRAMPercentage",
    "InitialRAMPercentage",
    "AggressiveHeap",
];

/// Options without `-XX:` that every Java takes; a colon or an equals sign at the end stands for what follows it.
const PLAIN: [&str; 41] = [
    "-server",
    "-client",
    "-showversion",
    "-verbose",
    "-verbose:",
    "-ea",
    "-ea:",
    "-enableassertions",
    "-enableassertions:",
    "-da",
    "-da:",
    "-disableassertions",
    "-disableassertions:",
    "-esa",
    "-enablesystemassertions",
    "-dsa",
    "-disablesystemassertions",
    "-agentlib:jdwp",
    "-agentlib:jdwp=",
    "-Xint",
    "-Xcomp",
    "-Xmixed",
    "-Xbatch",
    "-Xrs",
    "-Xdebug",
    "-Xnoagent",
    "-Xfuture",
    "-Xprof",
    "-Xcheck:jni",
    "-Xnoclassgc",
    "-Xshare:",
    "-Xverify",
    "-Xverify:",
    "-Xbootclasspath/a:",
    "-Xrunjdwp:",
    "-XshowSettings",
    "-XshowSettings:",
    "-Xss*",
    "-Xmaxf*",
    "-Xminf*",
    "-Xmaxjitcodesize*",
];

/// Those that only Java 8 takes.
const OLD: [&str; 11] = [
    "-d64",
    "-d32",
    "-Xincgc",
    "-Xconcgc",
    "-Xoptimize",
    "-Xoss*",
    "-Xsqnopause",
    "-Xeprof",
    "-Xbootclasspath:",
    "-Xbootclasspath/p:",
    "-Xboundthreads",
];

/// Those that came with Java 9.
const MODULES: [&str; 8] = [
    "--add-opens",
    "--add-exports",
    "--add-reads",
    "--add-modules",
    "--limit-modules",
    "--patch-module",
    "--illegal-access",
    "--enable-native-access",
];

/// Whether a path is of EMR's nodes.
pub(super) fn of_nodes(text: &str) -> bool {
    let folders = [
        "/usr/lib/hadoop",
        "/usr/lib/spark",
        "/usr/lib/hive",
        "/usr/share/aws",
        "/etc/hadoop",
        "/etc/spark",
        "/etc/hive",
        "/emr/",
        "/mnt/",
        "/mnt1/",
        "/home/hadoop",
        "/var/log/",
        "hdfs://",
    ];
    folders.iter().any(|folder| text.contains(folder))
}

/// Judges options, in their order, for a version of Java.
pub(super) fn judged(words: &[String], java: u8) -> Vec<JavaVerdict> {
    let (mut verdicts, mut value_of_option): (Vec<JavaVerdict>, Option<JavaVerdict>) = (Vec::new(), None);
    for (i, word) in words.iter().enumerate() {
        // `--add-opens java.base/java.lang=ALL-UNNAMED`: the option's value is a word of its own.
        let verdict = match value_of_option.take().filter(|_| !word.starts_with('-')) {
            Some(of_option) => of_option,
            None => judge(word, &words[..i], java),
        };
        if MODULES.contains(&word.as_str()) {
            value_of_option = Some(verdict.clone());
        }
        verdicts.push(verdict);
    }
    verdicts
}

fn judge(word: &str, before: &[String], java: u8) -> JavaVerdict {
    if let Some(property) = word.strip_prefix("-D") {
        return of_property(property, java);
    }
    if let Some(flag) = word.strip_prefix("-XX:") {
        return of_flag(flag, before, java);
    }
    if ["-Xmx", "-Xms", "-Xmn"].iter().any(|p| word.starts_with(p)) {
        return JavaVerdict::Drop(MEMORY.into());
    }
    if word.starts_with("-Xloggc:") {
        return JavaVerdict::Drop(LOG.into());
    }
    if let Some(log) = word.strip_prefix("-Xlog").filter(|rest| rest.is_empty() || rest.starts_with(':')) {
        let output = log.split(':').nth(2).unwrap_or_default();
        return match java {
            8 => refused(java),
            _ if ["", "stdout", "stderr"].contains(&output) => JavaVerdict::Keep,
            _ => JavaVerdict::Drop(LOG.into()),
        };
    }
    if ["-javaagent:", "-agentpath:"].iter().any(|p| word.starts_with(p)) {
        return JavaVerdict::Ask(AGENT);
    }
    if MODULES.contains(&word.split('=').next().unwrap_or_default()) {
        return if java == 8 { refused(java) } else { JavaVerdict::Keep };
    }
    let is = |form: &&str| match form.strip_suffix('*') {
        Some(start) => word.starts_with(start),
        None if form.ends_with([':', '=']) => word.starts_with(*form),
        None => word == *form,
    };
    if PLAIN.iter().any(is) || java == 8 && OLD.iter().any(is) {
        return if of_nodes(word) { JavaVerdict::Ask(FILE) } else { JavaVerdict::Keep };
    }
    if word.starts_with('-') {
        return refused(java);
    }
    JavaVerdict::Drop("it is no option: Java would take it for the class to run".into())
}

fn refused(java: u8) -> JavaVerdict {
    JavaVerdict::Drop(format!("Java {java} does not know it, and would not start"))
}

/// A property of the system: the application's own, but for a few that Java itself reads.
fn of_property(property: &str, java: u8) -> JavaVerdict {
    let (name, value) = property.split_once('=').unwrap_or((property, ""));
    match name {
        "java.ext.dirs" | "java.endorsed.dirs" if java > 8 => refused(java),
        "java.io.tmpdir" if of_nodes(value) => {
            JavaVerdict::Drop("a folder on EMR's disks; Databricks sets one of its own".into())
        }
        "log4j.configuration" | "log4j.configurationFile" | "log4j2.configurationFile" => JavaVerdict::Ask(LOGGING),
        _ if of_nodes(value) => JavaVerdict::Ask(FILE),
        _ => JavaVerdict::Keep,
    }
}

/// `+Name`, `-Name` or `Name=value`.
fn of_flag(flag: &str, before: &[String], java: u8) -> JavaVerdict {
    let is_switch = flag.starts_with(['+', '-']);
    let (name, value) = flag
        .trim_start_matches(['+', '-'])
        .split_once('=')
        .map_or_else(|| (flag.trim_start_matches(['+', '-']), None), |(name, value)| (name, Some(value)));
    if ["OnOutOfMemoryError", "OnError"].contains(&name) {
        return JavaVerdict::Drop(OUT_OF_MEMORY.into());
    }
    if SIZES.contains(&name) {
        return JavaVerdict::Drop(MEMORY.into());
    }
    let known = FLAGS.lines().skip(1).map(|line| line.split('\t')).find(|cells| cells.clone().next() == Some(name));
    let cells: Vec<&str> = known.map(Iterator::collect).unwrap_or_default();
    let [_, form, eight, seventeen, twenty_one] = cells.as_slice() else { return refused(java) };
    let status = match java {
        8 => eight,
        17 => seventeen,
        _ => twenty_one,
    };
    let fits = *form == "any" || (*form == "switch") == (is_switch && value.is_none());
    let unlocked = |by: &str| before.iter().any(|word| word == by);
    let is_taken = match *status {
        "ignored" => return JavaVerdict::Drop(format!("Java {java} ignores it")),
        "ok" => fits,
        "experimental" => fits && unlocked("-XX:+UnlockExperimentalVMOptions"),
        "diagnostic" => fits && unlocked("-XX:+UnlockDiagnosticVMOptions"),
        _ => false,
    };
    if !is_taken {
        return refused(java);
    }
    if value.is_some_and(of_nodes) {
        return JavaVerdict::Drop(FILE.into());
    }
    JavaVerdict::Keep
}

/// Options as one text, as Spark splits it: a word with blanks or quotes stands in double quotes.
pub(super) fn joined<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let quoted = |word: &str| {
        if word.is_empty() || word.contains(|c: char| c.is_whitespace() || "'\"\\".contains(c)) {
            format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
        } else {
            word.to_owned()
        }
    };
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// The zone that options set for the whole Java machine: `-Duser.timezone=Europe/Berlin`. The last one counts.
pub(super) fn zone(options: &str) -> Option<String> {
    let words = super::words::split(options, false).ok()?;
    let zone = words.iter().rev().find_map(|word| word.strip_prefix("-Duser.timezone="))?;
    Some(zone.to_owned()).filter(|zone| !zone.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(word: &str, java: u8) -> JavaVerdict {
        judged(&[word.to_owned()], java).remove(0)
    }

    #[test]
    fn newer_machines_keep_what_they_know() {
        for word in ["-XX:+UseG1GC", "-XX:InitiatingHeapOccupancyPercent=35", "-verbose:gc", "-Xss4m", "-Da.b=c", "-ea"]
        {
            for java in [8, 17, 21] {
                assert_eq!(one(word, java), JavaVerdict::Keep, "{word} on {java}");
            }
        }
        for word in ["-XX:+PrintGCDetails", "-XX:+HeapDumpOnOutOfMemoryError", "-XX:MaxMetaspaceSize=1g"] {
            assert_eq!(one(word, 17), JavaVerdict::Keep, "{word}");
        }
    }

    #[test]
    fn what_would_stop_the_machine_is_left_out() {
        let gone = [
            "-XX:+G1SummarizeConcMark",
            "-XX:MaxPermSize=512m",
            "-XX:+AggressiveOpts",
            "-XX:+PrintGCDateStamps",
            "-XX:+UseConcMarkSweepGC",
            "-XX:+UseParNewGC",
            "-XX:CMSInitiatingOccupancyFraction=70",
            "-XX:+PrintAdaptiveSizePolicy",
            "-XX:+UseGCLogFileRotation",
            "-XX:+NobodyHasHeardOfIt",
            "-XX:G1NewSizePercent=5",
            "-XX:UseG1GC",
            "-XX:+MaxMetaspaceSize",
            "-d64",
            "-Xwhatever",
            "-Djava.endorsed.dirs=/x",
        ];
        for word in gone {
            for java in [17, 21] {
                assert_eq!(one(word, java), refused(java), "{word} on {java}");
            }
        }
        assert_eq!(one("-XX:MaxPermSize=512m", 8), JavaVerdict::Drop("Java 8 ignores it".into()));
        assert_eq!(one("-XX:+UseConcMarkSweepGC", 8), JavaVerdict::Keep);
        assert_eq!(one("-Xlog:gc", 8), refused(8));
        assert_eq!(one("--add-opens=java.base/java.lang=ALL-UNNAMED", 8), refused(8));
        // Deprecated in 15, gone in 18.
        assert_eq!(
            (one("-XX:-UseBiasedLocking", 17), one("-XX:-UseBiasedLocking", 21)),
            (JavaVerdict::Keep, refused(21))
        );
    }

    #[test]
    fn an_experimental_flag_needs_its_key_before_it() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let is = |text: &str| judged(&words(text), 17);
        let keep = JavaVerdict::Keep;
        assert_eq!(is("-XX:+UnlockExperimentalVMOptions -XX:G1NewSizePercent=5"), [keep.clone(), keep.clone()]);
        assert_eq!(is("-XX:G1NewSizePercent=5 -XX:+UnlockExperimentalVMOptions")[0], refused(17));
        assert_eq!(is("-XX:+UnlockDiagnosticVMOptions -XX:G1NewSizePercent=5")[1], refused(17));
        assert_eq!(is("--add-opens java.base/java.lang=ALL-UNNAMED"), [keep.clone(), keep]);
        assert!(matches!(is("-Dx=a b")[1], JavaVerdict::Drop(_)));
    }

    #[test]
    fn emrs_own_paths_and_memory_do_not_come_along() {
        assert!(matches!(one("-Xmx4g", 17), JavaVerdict::Drop(_)));
        assert!(matches!(one("-XX:OnOutOfMemoryError=kill -9 %p", 17), JavaVerdict::Drop(_)));
        assert!(matches!(one("-Xloggc:/var/log/gc.log", 17), JavaVerdict::Drop(_)));
        assert!(matches!(one("-Xlog:gc*:file=/tmp/gc.log", 17), JavaVerdict::Drop(_)));
        assert_eq!(one("-Xlog:gc*", 17), JavaVerdict::Keep);
        assert!(matches!(one("-Djava.io.tmpdir=/mnt/tmp", 17), JavaVerdict::Drop(_)));
        assert_eq!(one("-Dconfig=/home/hadoop/a.conf", 17), JavaVerdict::Ask(FILE));
        assert_eq!(one("-javaagent:/opt/agent.jar", 17), JavaVerdict::Ask(AGENT));
    }

    #[test]
    fn options_are_joined_as_spark_splits_them() {
        assert_eq!(joined(["-Da=b c", "-Dd=e"]), "\"-Da=b c\" -Dd=e");
        assert_eq!(zone("-ea \"-Duser.timezone=Europe/Berlin\""), Some("Europe/Berlin".into()));
        assert_eq!(zone("-Duser.timezone=A -Duser.timezone=B"), Some("B".into()));
        assert_eq!(zone("-Duser.country=DE"), None);
    }
}
