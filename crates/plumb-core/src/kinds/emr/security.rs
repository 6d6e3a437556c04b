//! EMR security configurations, which others made and plumb deletes once no cluster uses them.
//!
//! Facts: botocore's service model `emr/2009-03-31`: they are known by their names and have no tags, so nothing can be
//! marked on them.

use super::api::{operation, time};
use super::ladder::{self, LadderSpec};
use super::old::{Old, text};
use crate::kinds::{Findings, Kind, MarkPlace, Named, Observed, Role, Step, Unreadable, Unsupported, Verb, reading};
use plumb_model::call::{Call, Settled, Settles, System};
use plumb_model::read::{Pages, Paging, Read};
use serde_json::{Value, json};

/// Security configurations of EMR: a selector, and what is to become of what it matches.
pub struct EmrSecurityConfiguration;

fn listing() -> Call {
    operation("ListSecurityConfigurations", json!({}))
}

fn old(name: &str, raw: &Value) -> Old {
    Old { id: name.to_owned(), name: name.to_owned(), created: time(raw, "/CreationDateTime"), ..Old::default() }
}

impl Kind for EmrSecurityConfiguration {
    const NAME: &'static str = "EmrSecurityConfiguration";
    const SYSTEM: System = System::Emr;
    const NOUN: &'static str = "EMR security configuration";
    const TITLE: &'static str = "name";
    const TITLE_IS_FREE: bool = false;
    const MARK: MarkPlace = MarkPlace::Nowhere;
    const ROLE: Role = Role::Ladder;
    type Spec = LadderSpec;

    fn list() -> Vec<Read> {
        vec![Read { call: listing(), paging: Paging::Token { param: "Marker", next: "/Marker" } }]
    }

    fn observe(listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        reading::rows::<Self>(listed, "SecurityConfigurations", |row| {
            let name = row["Name"].as_str().filter(|name| !name.is_empty());
            let refuse = || Unreadable::of::<Self>(None, None, "the listing has no name of it");
            Some(name.map(|name| old(name, row).seen()).ok_or_else(refuse))
        })
    }

    fn read_one(id: &str) -> Vec<Read> {
        vec![Read::single(operation("DescribeSecurityConfiguration", json!({ "Name": id })))]
    }

    fn parse_one(pages: &[Pages]) -> Result<Observed, Unreadable> {
        let answer = pages.iter().flatten().next().unwrap_or(&Value::Null);
        let name = text(answer, "/Name");
        match name.is_empty() {
            true => Err(Unreadable::of::<Self>(None, None, "it has no name")),
            false => Ok(old(&name, answer).seen()),
        }
    }

    fn calls(step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        match (step.verb, step.live) {
            (Verb::Delete, Some(live)) => {
                let settles = Settles { expect: json!({ "without": live.id }), reads: vec![listing()] };
                let delete = operation("DeleteSecurityConfiguration", json!({ "Name": live.id }));
                Ok(vec![delete.gone_is_done().settles(settles)])
            }
            _ => Err(Unsupported("plumb only deletes EMR security configurations".into())),
        }
    }

    fn settled(expect: &Value, looks: &[Value], _memory: &mut Value) -> Settled {
        let rows = looks.iter().filter_map(|page| page["SecurityConfigurations"].as_array()).flatten();
        match rows.into_iter().any(|row| row["Name"] == expect["without"]) {
            true => Settled::NotYet("it is still listed".into()),
            false => Settled::Yes,
        }
    }

    fn named(spec: &Value) -> Vec<Named> {
        ladder::named(spec)
    }

    fn check(spec: &LadderSpec, findings: &mut Findings) {
        ladder::check(spec, false, findings);
    }
}
