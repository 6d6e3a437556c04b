//! EMR security configurations, which others made and plumb deletes once no cluster uses them.
//!
//! Facts: botocore's service model `emr/2009-03-31`: they are known by their names and have no tags, so nothing can be
//! marked on them.

use super::api::{operation, time};
use crate::kinds::emr::cluster::EmrCluster;
use crate::kinds::old::{Old, text};
use crate::kinds::teardown::{GoesAfter, TeardownKind};
use crate::kinds::teardown_spec::{self, TeardownSpec};
use crate::kinds::{
    Impact, ImpactClass, Kind, MarkPlace, Named, Observed, Role, SpecType, Step, Unreadable, Unsupported, Verb, reading,
};
use plumb_model::call::{Call, Ready, System, WaitFor};
use plumb_model::read::{Pages, Paging, Read};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// Security configurations of EMR: a selector, and what is to become of what it matches.
pub struct EmrSecurityConfiguration;

impl EmrSecurityConfiguration {
    /// The name in manifests.
    pub const NAME: &'static str = "EmrSecurityConfiguration";
}

fn listing() -> Call {
    operation("ListSecurityConfigurations", json!({}))
}

fn old(name: &str, raw: &Value) -> Old {
    Old { id: name.to_owned(), name: name.to_owned(), created: time(raw, "/CreationDateTime"), ..Old::default() }
}

impl TeardownKind for EmrSecurityConfiguration {
    fn can_be_marked(&self) -> bool {
        false
    }

    /// Only the clusters say which configuration they were made with.
    fn goes_after(&self) -> Option<GoesAfter> {
        Some(GoesAfter {
            kind: EmrCluster::NAME,
            uses: Some(|cluster, old| cluster.secured_by.as_ref() == Some(&old.name)),
        })
    }

    fn loses(&self) -> Impact {
        ImpactClass::LosesData.says(format!("the {} is deleted for good", self.noun()))
    }
}

impl Kind for EmrSecurityConfiguration {
    fn name(&self) -> &'static str {
        Self::NAME
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
        Role::Teardown
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> =
            LazyLock::new(|| SpecType::of(|spec: &TeardownSpec, findings| teardown_spec::check(spec, false, findings)));
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
        if name.is_empty() {
            return Err(Unreadable::of(self, None, None, "it has no name"));
        }
        Ok(old(&name, answer).seen())
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        match (step.verb, step.live) {
            (Verb::Delete, Some(live)) => {
                let wait_for = WaitFor { expect: json!({ "without": live.id }), reads: vec![listing()] };
                let delete = operation("DeleteSecurityConfiguration", json!({ "Name": live.id }));
                Ok(vec![delete.gone_is_done().wait_for(wait_for)])
            }
            _ => Err(Unsupported("plumb only deletes EMR security configurations".into())),
        }
    }

    fn settled(&self, expect: &Value, looks: &[Value], _memory: &mut Value) -> Ready {
        let rows = looks.iter().filter_map(|page| page["SecurityConfigurations"].as_array()).flatten();
        let is_listed = rows.into_iter().any(|row| row["Name"] == expect["without"]);
        if is_listed { Ready::NotYet("it is still listed".into()) } else { Ready::Yes }
    }

    fn named(&self, spec: &Value) -> Vec<Named> {
        teardown_spec::named(spec)
    }
}
