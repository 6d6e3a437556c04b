//! EMR's configuration classifications.

use super::account::{Ask, At, Book};
use super::catalog;
use super::conf::{self, TargetPaths, Wants};

/// A member by EMR's name, or by that of EMR Serverless, which starts it with a small letter.
fn either<'a>(at: &At<'a>, name: &str) -> Option<At<'a>> {
    let small = name[..1].to_ascii_lowercase() + &name[1..];
    at.get(name).or_else(|| at.get(&small))
}

/// EMR's properties are texts (EMR API, Configuration: a map of strings).
const NO_TEXT: &str = "a property is a text, and this is none";

/// Takes a list of classifications in, nested ones too. Later lists override earlier ones.
pub(super) fn take(book: &mut Book, list: &[At<'_>], place: &TargetPaths<'_>, wants: &mut Wants) {
    for at in list {
        one(book, at, "", place, wants);
    }
}

fn one(book: &mut Book, at: &At<'_>, parent: &str, place: &TargetPaths<'_>, wants: &mut Wants) {
    let name_at = either(at, "Classification");
    let name = name_at.as_ref().and_then(At::text).unwrap_or_default();
    let properties = either(at, "Properties");
    let members = properties.as_ref().map(At::members).unwrap_or_default();
    let cluster = place.cluster;
    match (parent, name.as_str()) {
        (_, "spark-defaults") => {
            for (key, value) in members {
                match value.text() {
                    Some(text) => conf::property(book, &value, key, &text, place, wants),
                    None => book.dropped(&value, NO_TEXT),
                }
            }
        }
        ("spark-env", "export") => {
            for (key, value) in members {
                match value.text() {
                    Some(text) => {
                        if key == "TZ" {
                            wants.zone.on_master = Some(text.trim_matches('"').to_owned());
                        }
                        conf::variable(book, &value, key, &text, place, wants);
                    }
                    None => book.dropped(&value, NO_TEXT),
                }
            }
        }
        // Nested exports of `hadoop-env`, `yarn-env` and the like are variables of daemons that do not run here.
        (of, "export") if of != "spark-env" => {
            let of = if of.is_empty() { name.as_str() } else { of };
            book.dropped(at, format!("`{of}` sets the environment of a part of Hadoop that Databricks does not have"));
        }
        (_, "spark") => {
            book.dropped(at, "`maximizeResourceAllocation`: Databricks always fills the machines");
        }
        (_, "delta-defaults") => book.dropped(at, "Delta is a part of every runtime"),
        (_, "spark-hive-site" | "hive-site") => metastore(book, &name, &members, place, wants),
        (_, "core-site" | "emrfs-site" | "hdfs-site") => hadoop(book, &name, &members, place, wants),
        (_, "spark-log4j" | "spark-log4j2" | "spark-metrics") => ask(
            book,
            at,
            format!("what takes the place of the classification `{name}`"),
            "it writes a file on EMR's nodes",
            &["nothing: the runtime's own", "an init script that writes the file", "Spark properties"],
            cluster,
        ),
        (_, "capacity-scheduler") => ask(
            book,
            at,
            "what takes the place of YARN's queues".into(),
            "there is no YARN",
            &["nothing", "a cluster policy or pool for each team", "separate jobs"],
            cluster,
        ),
        (_, name) if name.starts_with("hudi") => conf::tables(book, at, "Hudi", &texts(&members), place),
        (_, name) if name.starts_with("iceberg") => conf::tables(book, at, "Iceberg", &texts(&members), place),
        (_, name) if of_others(name) => {
            book.dropped(at, format!("`{name}` configures a part of Hadoop that Databricks does not have"));
        }
        ("", "spark-env") => {}
        _ => ask(
            book,
            at,
            format!("what takes the place of the classification `{}`", crate::detect::masked(&name)),
            "plumb has no rule for it",
            &["nothing", "Spark properties", "an init script"],
            cluster,
        ),
    }
    for nested in either(at, "Configurations").map(|c| c.items()).unwrap_or_default() {
        one(book, &nested, &name, place, wants);
    }
    if let Some(at) = name_at {
        book.dropped(&at, "the classification's name: its properties have been dealt with one by one");
    }
}

/// Properties as texts.
fn texts(members: &[(&str, At<'_>)]) -> Vec<(String, String)> {
    members.iter().map(|(key, at)| ((*key).to_owned(), at.text().unwrap_or_default())).collect()
}

fn ask(book: &mut Book, at: &At<'_>, what: String, why: &str, options: &[&str], place: &str) {
    book.ask(at, Ask { what, why, options, default: "left out", place: format!("{place}.spark_conf") });
}

/// Configurations of what Databricks has not at all.
fn of_others(name: &str) -> bool {
    let prefixes = [
        "yarn-",
        "mapred-",
        "hadoop-",
        "httpfs-",
        "tez-",
        "livy-",
        "zeppelin-",
        "hue-",
        "presto",
        "trino-",
        "hbase",
        "flink-",
        "ranger-",
        "oozie-",
        "zookeeper",
        "docker-",
        "container-executor",
        "container-log4j",
        "recordserver",
        "hcatalog-",
        "hive",
        "pig-",
        "sqoop-",
        "phoenix-",
        "jupyter-",
        "ganglia",
        "hdfs-e",
    ];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// The metastore is the catalog's question. Of the rest Spark reads its own copy of Hive's settings, `spark-hive-site`.
fn metastore(book: &mut Book, name: &str, members: &[(&str, At<'_>)], place: &TargetPaths<'_>, wants: &mut Wants) {
    for (key, at) in members {
        if catalog::is_of_metastore(key) {
            catalog::setting(book, at, key, place, wants);
        } else if name == "spark-hive-site" && key.starts_with("hive.exec.") {
            let value = at.text().unwrap_or_default();
            conf::property(book, at, &format!("spark.hadoop.{key}"), &value, place, wants);
        } else {
            book.dropped(at, "it configures Hive, which does not run on Databricks");
        }
    }
}

/// Hadoop's own settings: only those of `s3a` mean anything.
fn hadoop(book: &mut Book, name: &str, members: &[(&str, At<'_>)], place: &TargetPaths<'_>, wants: &mut Wants) {
    for (key, at) in members {
        let value = at.text().unwrap_or_default();
        if key.starts_with("fs.s3a.") {
            conf::property(book, at, &format!("spark.hadoop.{key}"), &value, place, wants);
        } else if key.starts_with("fs.s3.consistent") {
            book.dropped(
                at,
                "EMRFS' consistent view: S3 has been consistent since 2020; its DynamoDB table is left over",
            );
        } else if key.starts_with("fs.s3") {
            book.dropped(at, "EMRFS: roles and encryption are those of the instance profile or the external location");
        } else {
            book.dropped(at, format!("`{name}` configures Hadoop, which does not run on Databricks"));
        }
    }
}
