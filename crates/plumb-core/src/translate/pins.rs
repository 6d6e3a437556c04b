//! What keeps results equal on both sides: properties for Spark's version, and the zone of its session.

use super::account::{Ask, At, Book};
use super::answers::{TeamAnswer, TeamQuestion};
use super::conf::Wants;
use super::java;
use super::parts::CLUSTER;
use super::runtime::Minor;
use super::{Script, TranslationOptions};
use crate::detect::masked;
use serde_json::json;
use std::collections::BTreeMap;

/// The zone of Spark's session, where it is set.
pub(super) const ZONE: &str = "spark.sql.session.timeZone";

/// The properties that keep results equal when Spark's version jumps: for parity, to be lifted afterwards.
///
/// Sources: Spark's migration guides for SQL, 2.4 to 3.0 and 3.5 to 4.0.
pub(super) fn pins(from: Minor, to: Minor, conf: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut pins = Vec::new();
    if from.0 < 3 && to.0 >= 3 {
        pins.extend([
            ("spark.sql.legacy.timeParserPolicy", "LEGACY"),
            ("spark.sql.parquet.datetimeRebaseModeInRead", "LEGACY"),
            ("spark.sql.parquet.datetimeRebaseModeInWrite", "LEGACY"),
            ("spark.sql.parquet.int96RebaseModeInRead", "LEGACY"),
            ("spark.sql.parquet.int96RebaseModeInWrite", "LEGACY"),
            ("spark.sql.storeAssignmentPolicy", "LEGACY"),
        ]);
    }
    if from.0 < 4 && to.0 >= 4 {
        pins.push(("spark.sql.ansi.enabled", "false"));
    }
    let missing = pins.into_iter().filter(|(key, _)| !conf.contains_key(*key));
    missing.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// What `TZ` was set to, for drivers on the master and for those on a worker: YARN gives a driver on a worker nothing of
/// the master's environment (Spark's page on YARN, `spark.yarn.appMasterEnv`).
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct DriverZone {
    pub on_master: Option<String>,
    pub on_worker: Option<String>,
}

/// The zone of nodes of which no setting says another.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct NodeZone {
    /// What plumb.yaml says.
    answer: Option<String>,
    /// The bootstrap action that sets the zone of EMR's nodes: the field that says so, and what the action is called.
    set_by: Option<(String, String)>,
}

impl NodeZone {
    /// As plumb.yaml says.
    pub fn of_answers(options: &TranslationOptions) -> Self {
        NodeZone { answer: options.answers.time_zone.clone(), set_by: None }
    }

    /// The same for a cluster, whose bootstrap actions may set another.
    pub fn of_cluster(root: &At<'_>, options: &TranslationOptions) -> Self {
        let tells = |text: &str| {
            let text = text.to_ascii_lowercase();
            ["timezone", "time-zone", "time_zone", "timedatectl", "zoneinfo", "localtime"]
                .iter()
                .any(|w| text.contains(w))
        };
        let read = |address: &str| matches!(options.scripts.get(address), Some(Script::Text(text)) if tells(text));
        let set_by = root.list("BootstrapActions").into_iter().find_map(|action| {
            let mut leaves = Vec::new();
            texts(&action, &mut leaves);
            let (field, _) = leaves.into_iter().find(|(_, text)| tells(text) || read(text))?;
            Some((field, action.text_of("Name").unwrap_or_else(|| "bootstrap action".into())))
        });
        NodeZone { set_by, ..NodeZone::of_answers(options) }
    }
}

fn texts(at: &At<'_>, out: &mut Vec<(String, String)>) {
    out.extend(at.text().map(|text| (at.field.clone(), text)));
    at.items().iter().chain(at.members().iter().map(|(_, at)| at)).for_each(|at| texts(at, out));
}

/// Sets the zone of Spark's session: the application's own, in Spark's order of precedence (the session's property, the
/// driver's `user.timezone`, its `TZ`), else that of the nodes. Asks where nobody can tell.
pub(super) fn set_zone(
    book: &mut Book,
    at: &At<'_>,
    conf: &mut BTreeMap<String, String>,
    (base, own): (&Wants, &Wants),
    nodes: &NodeZone,
) {
    if conf.contains_key(ZONE) {
        return;
    }
    let of_java = conf.get("spark.driver.extraJavaOptions").and_then(|options| java::zone(options.as_str()));
    let on_master = own.zone.on_master.clone().or_else(|| base.zone.on_master.clone());
    let on_worker = own.zone.on_worker.clone().or_else(|| base.zone.on_worker.clone());
    let of_driver = if own.cluster_mode { &on_worker } else { &on_master };
    let zone = of_java.or_else(|| of_driver.clone()).map(|zone| zone.trim_start_matches(':').to_owned());
    let place = format!("{CLUSTER}.spark_conf.{ZONE}");
    match zone {
        Some(zone) if is_zone(&zone) => {
            conf.insert(ZONE.to_owned(), zone);
            return;
        }
        Some(zone) => {
            let ask = Ask {
                what: format!("which zone Spark's session has; the driver's was `{}`", masked(&zone)),
                why: "Spark takes regions and offsets, and this is neither",
                options: &["a region: `Europe/Berlin`", "an offset: `+02:00`"],
                default: "the zone of the nodes",
                place,
            };
            book.note_once(at, ask);
        }
        None => {
            let unheard = on_master.filter(|zone| own.cluster_mode && is_zone(zone) && !is_utc(zone));
            if let Some(zone) = unheard {
                let ask = Ask {
                    what: format!("whether Spark's session is in `{}`, as spark-env's `TZ` says", masked(&zone)),
                    why: "in cluster mode the driver ran on a worker, where spark-env is not read",
                    options: &["the zone of the nodes, as it was on EMR", "the one that `TZ` says"],
                    default: "the zone of the nodes",
                    place,
                };
                book.note_once(at, ask);
            } else if let (Some((field, name)), None) = (&nodes.set_by, &nodes.answer) {
                let ask = Ask {
                    what: format!("which zone the bootstrap action `{}` gives EMR's nodes", masked(name)),
                    why: "it names a time zone, and Spark's session takes that of its node where nothing else is set",
                    options: &["UTC", "the zone that the script sets: `Europe/Berlin`"],
                    default: "UTC, as on nodes that nobody changes",
                    place,
                };
                let action = At { field: field.clone(), value: at.value };
                book.note_once(&action, ask);
            } else if nodes.answer.is_none() {
                book.ask_team(question());
            }
        }
    }
    conf.insert(ZONE.to_owned(), nodes.answer.clone().unwrap_or_else(|| "UTC".into()));
}

fn question() -> TeamQuestion {
    TeamQuestion {
        answer: TeamAnswer::TimeZone,
        what: "the time zone of Spark's session where an application sets none".into(),
        why: "Spark takes that of the driver's node: timestamps move by the difference if the new nodes have another"
            .into(),
        options: vec![
            "UTC: what EMR's nodes have unless an image or a script changes it".into(),
            "Europe/Berlin, or any other region: what the nodes were set to".into(),
        ],
        default: "UTC, set as a property of every cluster".into(),
        value: Some(json!("UTC")),
    }
}

/// Whether Spark takes it (`DateTimeUtils.getZoneId`): a region of the tz database, or an offset.
fn is_zone(zone: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "_+-".contains(c))
    };
    let is_region = zone.split('/').count() <= 3 && zone.split('/').all(part);
    let prefixes = ["UTC", "GMT", "UT", ""];
    let is_offset = prefixes.iter().filter_map(|p| zone.strip_prefix(p)).any(|rest| {
        rest.strip_prefix(['+', '-']).is_some_and(|digits| {
            !digits.is_empty() && digits.len() <= 8 && digits.chars().all(|c| c.is_ascii_digit() || c == ':')
        })
    });
    // `CET-1CEST` of POSIX is neither: its offset has the other sign, and its rules are its own.
    let is_posix = !zone.contains('/')
        && zone.chars().any(|c| c.is_ascii_digit())
        && !prefixes.iter().any(|p| !p.is_empty() && zone.starts_with(p));
    is_offset || is_region && !is_posix
}

fn is_utc(zone: &str) -> bool {
    ["UTC", "Etc/UTC", "GMT", "UCT", "Zulu", "Etc/GMT"].contains(&zone)
}

/// Prepends the options of the Java machine that administrators set to those that an application does, as Spark does:
/// the runtime may set the former itself.
pub(super) fn join_java_options(conf: &mut BTreeMap<String, String>) {
    for of in ["driver", "executor"] {
        if let Some(default) = conf.remove(&format!("spark.{of}.defaultJavaOptions")) {
            let extra = conf.entry(format!("spark.{of}.extraJavaOptions")).or_default();
            *extra = if extra.is_empty() { default } else { format!("{default} {extra}") };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn zone_of(
        conf: &[(&str, &str)],
        base: &DriverZone,
        cluster_mode: bool,
        answer: Option<&str>,
    ) -> (String, usize, usize) {
        let mut book = Book::default();
        let mut conf: BTreeMap<String, String> =
            conf.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let base = Wants { zone: base.clone(), ..Wants::default() };
        let own = Wants { cluster_mode, ..Wants::default() };
        let nodes = NodeZone { answer: answer.map(str::to_owned), set_by: None };
        let value = Value::Null;
        set_zone(&mut book, &At::root(&value), &mut conf, (&base, &own), &nodes);
        (conf.remove(ZONE).unwrap(), book.decisions.len(), book.team.len())
    }

    #[test]
    fn the_application_s_zone_comes_before_that_of_the_nodes() {
        let tz = DriverZone { on_master: Some(":America/New_York".into()), on_worker: Some("Asia/Tokyo".into()) };
        let java = ("spark.driver.extraJavaOptions", "-ea -Duser.timezone=Europe/Berlin");
        let is = |conf: &[(&str, &str)], tz: &DriverZone, cluster_mode: bool, want: (&str, usize, usize)| {
            let got = zone_of(conf, tz, cluster_mode, None);
            assert_eq!((got.0.as_str(), got.1, got.2), want, "{conf:?} {cluster_mode}");
        };
        is(&[(ZONE, "Europe/Paris"), java], &tz, false, ("Europe/Paris", 0, 0));
        is(&[java], &tz, true, ("Europe/Berlin", 0, 0));
        is(&[], &tz, false, ("America/New_York", 0, 0));
        is(&[], &tz, true, ("Asia/Tokyo", 0, 0));
        is(&[], &DriverZone::default(), true, ("UTC", 0, 1));
        // The executors' zone is not the session's.
        is(
            &[("spark.executor.extraJavaOptions", "-Duser.timezone=Europe/Berlin")],
            &DriverZone::default(),
            true,
            ("UTC", 0, 1),
        );
        // spark-env is not read where the driver is on a worker; that a team answers does not make it so.
        let master = DriverZone { on_master: Some("Europe/Rome".into()), on_worker: None };
        is(&[], &master, true, ("UTC", 1, 0));
        is(&[], &DriverZone { on_master: Some("CET-1CEST".into()), on_worker: None }, false, ("UTC", 1, 0));
        assert_eq!(zone_of(&[], &DriverZone::default(), true, Some("Asia/Tokyo")), ("Asia/Tokyo".into(), 0, 0));
    }

    #[test]
    fn zones_are_those_that_spark_takes() {
        for zone in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "+02:00", "GMT+2", "EST", "Etc/GMT-3"] {
            assert!(is_zone(zone), "{zone}");
        }
        for zone in ["CET-1CEST", "", "EST5EDT4,M3.2.0", "a b", "Europe/"] {
            assert!(!is_zone(zone), "{zone}");
        }
    }

    #[test]
    fn options_of_administrators_come_first() {
        let mut conf = BTreeMap::from([
            ("spark.driver.defaultJavaOptions".to_owned(), "-Da=1".to_owned()),
            ("spark.driver.extraJavaOptions".to_owned(), "-Da=2".to_owned()),
            ("spark.executor.defaultJavaOptions".to_owned(), "-Db=1".to_owned()),
        ]);
        join_java_options(&mut conf);
        assert_eq!(conf["spark.driver.extraJavaOptions"], "-Da=1 -Da=2");
        assert_eq!(conf["spark.executor.extraJavaOptions"], "-Db=1");
        assert_eq!(conf.len(), 2);
    }
}
