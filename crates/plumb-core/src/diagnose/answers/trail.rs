//! What CloudTrail says: spot instances that EC2 took back, and who stopped a cluster or a step. Shapes: botocore's model of
//! `LookupEvents`, whose events hold the record as a text; AWS's user guides for the records.

use super::Beside;
use super::locate::AnswerMember;
use super::reader::{About, AnswerReader};
use crate::diagnose::clue::{ClueRole, Layer, Strength};
use serde_json::Value;

/// The event log of an account, or records out of a trail's file.
pub(super) fn events(reader: &mut AnswerReader<'_>, answer: AnswerMember<'_>, beside: &Beside) {
    let listed = if answer.value.is_array() { answer } else { answer.first_of(&["Events", "Records"]) };
    let events = reader.list(listed);
    reader.facts.read.events = events.len() as u64;
    for event in events {
        // The record is a text within the event; a trail's file has the record itself.
        let inner: Option<Value> =
            event.get("CloudTrailEvent").value.as_str().and_then(|text| serde_json::from_str(text).ok());
        let record = inner.as_ref().map_or(event, |inner| AnswerMember::root(inner, None));
        let named = event.first_of(&["EventName", "eventName", "CloudTrailEvent"]);
        let name = reader.text(event.get("EventName")).or_else(|| reader.text(record.get("eventName")));
        let name = name.unwrap_or_default();
        let at =
            reader.time(event.first_of(&["EventTime", "eventTime"])).or_else(|| reader.time(record.get("eventTime")));
        if !record.get("errorCode").is_absent() {
            continue;
        }
        reader.next_event();
        match name.as_str() {
            "BidEvictedEvent" => evicted(reader, event, record, (About::new(Layer::Node, at), named), beside),
            "TerminateJobFlows" | "CancelSteps" => {
                stopped(reader, event, record, About::new(Layer::Service, at), (named, &name), beside)
            }
            _ => {}
        }
    }
    reader.is_page(answer.get("NextToken"));
    reader.next_event();
}

fn evicted(
    reader: &mut AnswerReader<'_>,
    event: AnswerMember<'_>,
    record: AnswerMember<'_>,
    (about, quoted): (About, AnswerMember<'_>),
    beside: &Beside,
) {
    let of_record = record.get("serviceEventDetails").get("instanceIdSet").items().filter_map(|id| id.value.as_str());
    let mut hosts: Vec<String> = of_record.map(str::to_owned).collect();
    if hosts.is_empty() {
        for resource in reader.list(event.first_of(&["Resources", "resources"])) {
            hosts.extend(reader.text(resource.get("ResourceName")).filter(|name| name.starts_with("i-")));
        }
    }
    // An account has other clusters.
    hosts.retain(|host| beside.instances.is_empty() || beside.instances.contains(host));
    for host in hosts {
        let mut about = about.clone();
        let said = format!("BidEvictedEvent, {host}");
        about.subject.host = Some(host);
        reader.class("SPOT_RECLAIM", ClueRole::Cause, quoted, &said, &about);
    }
}

fn stopped(
    reader: &mut AnswerReader<'_>,
    event: AnswerMember<'_>,
    record: AnswerMember<'_>,
    mut about: About,
    (quoted, name): (AnswerMember<'_>, &str),
    beside: &Beside,
) {
    let asked = record.get("requestParameters");
    let clusters = asked.get("jobFlowIds").items().chain([asked.get("clusterId")]);
    let clusters: Vec<&str> = clusters.filter_map(|id| id.value.as_str()).collect();
    if let Some(own) = &beside.emr_cluster
        && !clusters.is_empty()
        && !clusters.contains(&own.as_str())
    {
        return;
    }
    let identity = record.get("userIdentity");
    let arn = reader.text(identity.get("arn"));
    let principal =
        reader.text(event.get("Username")).or_else(|| reader.text(identity.get("userName"))).or(arn.clone());
    let kind = identity.get("type").value.as_str().unwrap_or_default();
    let by_service = !identity.get("invokedBy").is_absent() || kind == "AWSService";
    let is_person = match kind {
        "IAMUser" | "Root" | "IdentityCenterUser" | "SAMLUser" | "WebIdentityUser" => true,
        // Single sign-on names the person in the session; other roles are taken by programs.
        "AssumedRole" => arn.is_some_and(|arn| arn.contains("AWSReservedSSO_") || arn.contains('@')),
        _ => false,
    };
    about.slot("principal", principal.clone());
    about.slot("action", Some(name.to_owned()));
    about.slot("cluster", clusters.first().map(|id| (*id).to_owned()));
    let role = if is_person && !by_service { ClueRole::Cause } else { ClueRole::Wrapper };
    let said = format!("{name} by {}", principal.unwrap_or_else(|| "nobody who is named".to_owned()));
    reader.clue(("USER_STOP", role), Strength::Service, quoted, &said, &about);
}
