//! EMR security configurations, which others made and plumb deletes once no cluster uses them.
//!
//! Facts: botocore's service model `emr/2009-03-31`: they are known by their names and have no tags, so nothing can be
//! marked on them.

use super::api::{operation, time};
use super::ladder::{self, LadderSpec};
use super::old::{Old, text};
use crate::kinds::{Kind, MarkPlace, Named, Observed, Role, SpecType, Step, Unreadable, Unsupported, Verb, reading};
use plumb_model::call::{Call, Settled, Settles, System};
use plumb_model::read::{Pages, Paging, Read};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Security configurations of EMR: a selector, and what is to become of what it matches.
pub struct EmrSecurityConfiguration;

fn listing() -> Call {
    operation("ListSecurityConfigurations", json!({}))
}

fn old(name: &str, raw: &Value) -> Old {
    Old { id: name.to_owned(), name: name.to_owned(), created: time(raw, "/CreationDateTime"), ..Old::default() }
}

impl Kind for EmrSecurityConfiguration {
    fn name(&self) -> &'static str {
        "EmrSecurityConfiguration"
    }
    fn system(&self) -> System {
        System::Emr
    }
    fn noun(&self) -> &'static str {
        "EMR security configuration"
    }
    fn title(&self) -> &'static str {
        "name"
    }
    fn title_is_free(&self) -> bool {
        false
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::Nowhere
    }
    fn role(&self) -> Role {
        Role::Ladder
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> =
            LazyLock::new(|| SpecType::of(|spec: &LadderSpec, findings| ladder::check(spec, false, findings)));
        &SPEC
    }

    fn list(&self) -> Vec<Read> {
        vec![Read { call: listing(), paging: Paging::Token { param: "Marker", next: "/Marker" } }]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        reading::rows(self, listed, "SecurityConfigurations", |row| {
            let name = row["Name"].as_str().filter(|name| !name.is_empty());
            let refuse = || Unreadable::of(self, None, None, "the listing has no name of it");
            Some(name.map(|name| old(name, row).seen()).ok_or_else(refuse))
        })
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(operation("DescribeSecurityConfiguration", json!({ "Name": id })))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        let answer = pages.iter().flatten().next().unwrap_or(&Value::Null);
        let name = text(answer, "/Name");
        match name.is_empty() {
            true => Err(Unreadable::of(self, None, None, "it has no name")),
            false => Ok(old(&name, answer).seen()),
        }
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        match (step.verb, step.live) {
            (Verb::Delete, Some(live)) => {
                let settles = Settles { expect: json!({ "without": live.id }), reads: vec![listing()] };
                let delete = operation("DeleteSecurityConfiguration", json!({ "Name": live.id }));
                Ok(vec![delete.gone_is_done().settles(settles)])
            }
            _ => Err(Unsupported("plumb only deletes EMR security configurations".into())),
        }
    }

    fn settled(&self, expect: &Value, looks: &[Value], _memory: &mut Value) -> Settled {
        let rows = looks.iter().filter_map(|page| page["SecurityConfigurations"].as_array()).flatten();
        match rows.into_iter().any(|row| row["Name"] == expect["without"]) {
            true => Settled::NotYet("it is still listed".into()),
            false => Settled::Yes,
        }
    }

    fn named(&self, spec: &Value) -> Vec<Named> {
        ladder::named(spec)
    }
}
