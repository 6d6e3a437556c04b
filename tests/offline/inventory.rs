//! Holds the typed specs against an inventory of the fields that the services take.
//!
//! `tests/inventory/databricks-fields.json` lists every field of the official SDK's requests, with its type and the
//! values of enums; `tests/inventory/renew` writes it again from the newest SDK. All of it has to be there, previews
//! included, under the same name and type, and nothing more, except for what [`ADDED`], [`TYPED_OTHERWISE`] and
//! [`REQUIRED_HERE`] say. A line of those lists that is no longer true fails the test too.

use plumb_core::kinds::databricks::{
    cluster::ClusterSpec, external_location::ExternalLocationSpec, job::JobSpec, pipeline::PipelineSpec,
    policy::PolicySpec, pool::InstancePoolSpec, schema::SchemaSpec, secret_spec::SecretScopeSpec, volume::VolumeSpec,
    warehouse::WarehouseSpec,
};
use schemars::{JsonSchema, schema_for};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What plumb adds to the API's payload: `permissions` everywhere, and on clusters what is set by calls of its own.
const ADDED: &[&str] = &[
    "DatabricksJob permissions",
    "DatabricksCluster permissions",
    "DatabricksCluster libraries",
    "DatabricksCluster pinned",
    "DatabricksCluster state",
    "DatabricksClusterPolicy permissions",
    "DatabricksInstancePool permissions",
    "DatabricksPipeline permissions",
    "DatabricksSqlWarehouse permissions",
    "DatabricksSchema grants",
    "DatabricksVolume full_name",
    "DatabricksVolume grants",
    "DatabricksVolume owner",
    "DatabricksExternalLocation grants",
    "DatabricksSecretScope acls",
    "DatabricksSecretScope secrets",
];

/// Fields of a request that are no settings, or that the service sets whatever they say.
const LEFT_OUT: &[&str] = &[
    // What a request is for, and the id that the service gives (databricks/cli bundle rules: output only).
    "DatabricksPipeline dry_run",
    "DatabricksPipeline id",
    // databricks/cli bundle rules: output only.
    "DatabricksPipeline ingestion_definition.source_type",
    "DatabricksSqlWarehouse creator_name",
    // databricks-sdk-py sql.EndpointInfo: output only.
    "DatabricksSqlWarehouse customer_version_label",
    // Another name, force, and what the SDK lists in requests although only the service says it (databricks/cli,
    // `bundle/direct/dresources/external_location.go`; Terraform provider, `resource_external_location.go`).
    "DatabricksSchema new_name",
    "DatabricksExternalLocation new_name",
    "DatabricksExternalLocation force",
    "DatabricksExternalLocation effective_enable_file_events",
    "DatabricksExternalLocation effective_file_event_queue",
    "DatabricksExternalLocation file_event_queue.managed_aqs.managed_resource_id",
    "DatabricksExternalLocation file_event_queue.managed_pubsub.managed_resource_id",
    "DatabricksExternalLocation file_event_queue.managed_sqs.managed_resource_id",
    "DatabricksExternalLocation file_event_queue.provided_aqs.managed_resource_id",
    "DatabricksExternalLocation file_event_queue.provided_pubsub.managed_resource_id",
    "DatabricksExternalLocation file_event_queue.provided_sqs.managed_resource_id",
];

/// Fields that are JSON text in the API and YAML here, and texts of which the API says in words what they may be.
const TYPED_OTHERWISE: &[&str] = &[
    "DatabricksClusterPolicy definition",
    "DatabricksClusterPolicy policy_family_definition_overrides",
    "DatabricksSqlWarehouse cluster_size",
];

/// Fields that the SDK leaves optional although a request without them means nothing.
const REQUIRED_HERE: &[&str] = &[
    "DatabricksJob permissions[] permission_level",
    "DatabricksCluster permissions[] permission_level",
    "DatabricksClusterPolicy permissions[] permission_level",
    "DatabricksInstancePool permissions[] permission_level",
    "DatabricksPipeline permissions[] permission_level",
    "DatabricksSqlWarehouse permissions[] permission_level",
    // Terraform provider, pipelines: required, and `label` tells clusters apart.
    "DatabricksPipeline clusters[].label",
    "DatabricksPipeline event_log.name",
    "DatabricksPipeline libraries[].file.path",
    "DatabricksPipeline libraries[].glob.include",
    "DatabricksPipeline libraries[].notebook.path",
    "DatabricksPipeline notifications[].alerts",
    "DatabricksPipeline notifications[].email_recipients",
    // Terraform provider, sql_endpoint: required.
    "DatabricksSqlWarehouse cluster_size",
    "DatabricksSqlWarehouse name",
    "DatabricksSqlWarehouse tags.custom_tags[].key",
    "DatabricksSqlWarehouse tags.custom_tags[].value",
];

#[derive(Clone, Debug, PartialEq)]
struct Field {
    kind: Kind,
    required: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Text,
    Int,
    Float,
    Bool,
    Object,
    Map(Box<Kind>),
    List(Box<Kind>),
    Enum(BTreeSet<String>),
    Unknown(String),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Map(inner) => write!(f, "map of {inner}"),
            Kind::List(inner) => write!(f, "list of {inner}"),
            Kind::Enum(values) => write!(f, "one of {}", values.iter().cloned().collect::<Vec<_>>().join(", ")),
            Kind::Unknown(what) => write!(f, "unknown ({what})"),
            plain => write!(f, "{}", format!("{plain:?}").to_lowercase()),
        }
    }
}

type Fields = BTreeMap<String, Field>;

// ---- the inventory ---------------------------------------------------------------------------------------------

fn inventory(section: &str) -> Fields {
    let all: Value = serde_json::from_str(include_str!("../inventory/databricks-fields.json")).unwrap();
    let rows = all["sections"][section].as_array().unwrap_or_else(|| panic!("no section {section}"));
    rows.iter()
        .map(|row| (path(row).to_owned(), Field { kind: listed(row), required: row["required"] == true }))
        .collect()
}

fn path(row: &Value) -> &str {
    row["path"].as_str().unwrap()
}

fn is_in(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn listed(row: &Value) -> Kind {
    fn of(text: &str, row: &Value) -> Kind {
        match text {
            "string" => Kind::Text,
            "int" => Kind::Int,
            "float" => Kind::Float,
            "bool" => Kind::Bool,
            _ if text.starts_with("object:") => Kind::Object,
            _ if text.starts_with("enum:") => {
                Kind::Enum(row["values"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect())
            }
            _ => match text.strip_suffix('>').and_then(|t| t.split_once('<')) {
                Some(("list", inner)) => Kind::List(Box::new(of(inner, row))),
                Some(("map", inner)) => Kind::Map(Box::new(of(inner.trim_start_matches("string,"), row))),
                _ => Kind::Unknown(text.to_owned()),
            },
        }
    }
    of(row["type"].as_str().unwrap(), row)
}

// ---- the specs -------------------------------------------------------------------------------------------------

struct Walk<'a> {
    root: &'a Value,
    fields: Fields,
    /// The types that we are inside of, so that a task inside a task ends.
    inside: Vec<&'a str>,
}

fn spec(schema: &Value) -> Fields {
    let mut walk = Walk { root: schema, fields: Fields::new(), inside: Vec::new() };
    walk.members(schema, "");
    walk.fields
}

impl<'a> Walk<'a> {
    fn members(&mut self, schema: &'a Value, at: &str) {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            let kind = self.kind(member, &path);
            self.fields.insert(path, Field { kind, required: required.contains(&name.as_str()) });
        }
    }

    fn kind(&mut self, schema: &'a Value, path: &str) -> Kind {
        if let Some(name) = schema["$ref"].as_str() {
            let target = self.root.pointer(name.trim_start_matches('#')).unwrap();
            if self.inside.contains(&name) {
                return Kind::Object;
            }
            self.inside.push(name);
            let kind = self.kind(target, path);
            self.inside.pop();
            return kind;
        }
        if let Some(inner) = schema["anyOf"].as_array() {
            return self.kind(inner.iter().find(|s| s["type"] != "null").unwrap(), path);
        }
        let mut values: BTreeSet<String> = BTreeSet::new();
        for case in schema["oneOf"].as_array().into_iter().flatten().chain([schema]) {
            values.extend(case["const"].as_str().map(str::to_owned));
            values.extend(case["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        }
        if !values.is_empty() {
            return Kind::Enum(values);
        }
        let name = schema["type"].as_array().and_then(|t| t.iter().find(|t| *t != "null")).unwrap_or(&schema["type"]);
        match name.as_str() {
            Some("string") => Kind::Text,
            Some("integer") => Kind::Int,
            Some("number") => Kind::Float,
            Some("boolean") => Kind::Bool,
            Some("array") => Kind::List(Box::new(self.kind(&schema["items"], &format!("{path}[]")))),
            Some("object") if schema["additionalProperties"].is_object() => {
                Kind::Map(Box::new(self.kind(&schema["additionalProperties"], &format!("{path}{{}}"))))
            }
            Some("object") => {
                assert_eq!(schema["additionalProperties"], false, "{path} takes unknown members");
                self.members(schema, path);
                Kind::Object
            }
            _ => Kind::Unknown(schema.to_string()),
        }
    }
}

// ---- the comparison --------------------------------------------------------------------------------------------

#[derive(Default)]
struct Findings {
    lines: Vec<String>,
    used: BTreeSet<String>,
}

impl Findings {
    /// Whether an exception covers it; then it is noted that the exception is still needed.
    fn excused(&mut self, exceptions: &[&str], label: &str) -> bool {
        let hit = exceptions.iter().find(|e| is_in(label, e));
        self.used.extend(hit.map(|e| (*e).to_owned()));
        hit.is_some()
    }

    fn compare(&mut self, label: &str, listed: &Fields, ours: &Fields) {
        for (path, field) in listed {
            let here = format!("{label} {path}");
            match ours.get(path) {
                None if self.excused(LEFT_OUT, &here) => {}
                None => self.lines.push(format!("{here}: missing ({})", field.kind)),
                Some(own) => {
                    if own.kind != field.kind && !self.excused(TYPED_OTHERWISE, &here) {
                        self.lines.push(format!("{here}: is {}, the API has {}", own.kind, field.kind));
                    }
                    if own.required != field.required && !self.excused(REQUIRED_HERE, &here) {
                        self.lines.push(format!("{here}: required is {}, in the API {}", own.required, field.required));
                    }
                }
            }
        }
        for path in ours.keys().filter(|p| !listed.contains_key(*p)) {
            let here = format!("{label} {path}");
            let below_text = TYPED_OTHERWISE.iter().any(|t| here != *t && here.starts_with(&format!("{t}{{}}")));
            if !below_text && !self.excused(ADDED, &here) {
                self.lines.push(format!("{here}: not in the API"));
            }
        }
    }
}

fn below(fields: &Fields, prefix: &str) -> Fields {
    fields.iter().filter_map(|(path, field)| Some((path.strip_prefix(prefix)?.to_owned(), field.clone()))).collect()
}

#[test]
fn specs_have_every_field_of_the_services() {
    let kinds = [
        ("DatabricksJob", "JobSettings", "JobAccessControlRequest", spec(&schema_for!(JobSpec).to_value())),
        (
            "DatabricksCluster",
            "clusters.create",
            "ClusterAccessControlRequest",
            spec(&schema_for!(ClusterSpec).to_value()),
        ),
        (
            "DatabricksClusterPolicy",
            "cluster_policies.create",
            "ClusterPolicyAccessControlRequest",
            spec(&schema_for!(PolicySpec).to_value()),
        ),
        (
            "DatabricksInstancePool",
            "instance_pools.create",
            "InstancePoolAccessControlRequest",
            spec(&schema_for!(InstancePoolSpec).to_value()),
        ),
        (
            "DatabricksPipeline",
            "pipelines.create",
            "PipelineAccessControlRequest",
            spec(&schema_for!(PipelineSpec).to_value()),
        ),
        (
            "DatabricksSqlWarehouse",
            "warehouses.create",
            "WarehouseAccessControlRequest",
            spec(&schema_for!(WarehouseSpec).to_value()),
        ),
    ];
    let mut findings = Findings::default();
    for (kind, section, access, ours) in &kinds {
        let listed = inventory(section);
        assert!(listed.len() > 15, "{section} is too short to be true");
        findings.compare(kind, &listed, ours);
        findings.compare(&format!("{kind} permissions[]"), &inventory(access), &below(ours, "permissions[]."));
        if *kind == "DatabricksCluster" {
            // The libraries API is apart from clusters/create; policies list the same type.
            let libraries = below(&inventory("cluster_policies.create"), "libraries[].");
            findings.compare("DatabricksCluster libraries[]", &libraries, &below(ours, "libraries[]."));
        }
    }
    for (kind, sections, ours) in [
        ("DatabricksSchema", &["schemas.create", "schemas.update"][..], spec(&schema_for!(SchemaSpec).to_value())),
        ("DatabricksVolume", &["volumes.create"], spec(&schema_for!(VolumeSpec).to_value())),
        (
            "DatabricksExternalLocation",
            &["external_locations.create", "external_locations.update"],
            spec(&schema_for!(ExternalLocationSpec).to_value()),
        ),
    ] {
        let mut listed = inventory(sections[0]);
        for (path, field) in sections[1..].iter().flat_map(|section| inventory(section)) {
            // The name of what is updated is a part of the address.
            listed.entry(path).or_insert(Field { required: false, ..field });
        }
        findings.compare(kind, &listed, &ours);
    }
    // The secrets and the ACLs of a scope have calls of their own, each of which says which scope is meant.
    let scope = spec(&schema_for!(SecretScopeSpec).to_value());
    findings.compare("DatabricksSecretScope", &inventory("secrets.create_scope"), &scope);
    for (member, section) in [("acls", "secrets.put_acl"), ("secrets", "secrets.put_secret")] {
        let listed = inventory(section).into_iter().filter(|(path, _)| path != "scope").collect();
        findings.compare(
            &format!("DatabricksSecretScope {member}[]"),
            &listed,
            &below(&scope, &format!("{member}[].")),
        );
    }
    for exception in ADDED.iter().chain(LEFT_OUT).chain(TYPED_OTHERWISE).chain(REQUIRED_HERE) {
        if !findings.used.contains(*exception) {
            findings.lines.push(format!("{exception}: listed as an exception, but it is none any more"));
        }
    }
    assert!(findings.lines.is_empty(), "{} findings:\n{}", findings.lines.len(), findings.lines.join("\n"));
}

#[test]
fn the_comparison_sees_what_is_missing_extra_and_wrong() {
    let listed = inventory("JobSettings");
    let mut ours = spec(&schema_for!(JobSpec).to_value());
    ours.remove("tasks[].run_if");
    ours.insert("tasks[].runn_if".to_owned(), Field { kind: Kind::Text, required: false });
    ours.insert("max_concurrent_runs".to_owned(), Field { kind: Kind::Text, required: false });
    ours.insert("tasks[].task_key".to_owned(), Field { kind: Kind::Text, required: false });
    let Some(Field { kind: Kind::Enum(values), .. }) = ours.get_mut("format") else { panic!("format is an enum") };
    values.remove("SINGLE_TASK");
    let mut findings = Findings::default();
    findings.compare("DatabricksJob", &listed, &ours);
    let about: Vec<&str> = findings.lines.iter().filter_map(|l| l.split(['(', ':']).next()).collect();
    assert_eq!(
        about,
        [
            "DatabricksJob format",
            "DatabricksJob max_concurrent_runs",
            "DatabricksJob tasks[].run_if",
            "DatabricksJob tasks[].task_key",
            "DatabricksJob tasks[].runn_if",
        ]
    );
}

// ---- the two readings of a type --------------------------------------------------------------------------------

/// An example with every member of a schema, and for enums one value after the other.
struct Example<'a> {
    root: &'a Value,
    inside: Vec<&'a str>,
    turn: usize,
}

impl<'a> Example<'a> {
    fn of(&mut self, schema: &'a Value) -> Value {
        if let Some(name) = schema["$ref"].as_str() {
            if self.inside.contains(&name) {
                return json!({"task_key": "inner"});
            }
            self.inside.push(name);
            let example = self.of(self.root.pointer(name.trim_start_matches('#')).unwrap());
            self.inside.pop();
            return example;
        }
        if let Some(values) = schema["enum"].as_array() {
            return values[self.turn % values.len()].clone();
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(cases) = schema[word].as_array() {
                let cases: Vec<&Value> = cases.iter().filter(|c| c["type"] != "null").collect();
                return self.of(cases[self.turn % cases.len()]);
            }
        }
        let name = schema["type"].as_array().map_or(&schema["type"], |all| &all[0]);
        match name.as_str().unwrap() {
            "string" => json!("text"),
            "integer" => json!(7),
            "number" => json!(0.5),
            "boolean" => json!(true),
            "array" => json!([self.of(&schema["items"])]),
            "object" if schema["additionalProperties"].is_object() => {
                json!({"any.key": self.of(&schema["additionalProperties"])})
            }
            "object" => {
                schema["properties"].as_object().unwrap().iter().map(|(k, s)| (k.clone(), self.of(s))).collect()
            }
            other => panic!("no example of {other}"),
        }
    }
}

/// What the schema describes is what the type reads, and nothing gets lost on the way.
fn reads_what_it_describes<T: DeserializeOwned + Serialize + JsonSchema>() {
    let schema = schema_for!(T).to_value();
    let fits = jsonschema::draft202012::new(&schema).unwrap();
    for turn in 0..12 {
        let example = Example { root: &schema, inside: Vec::new(), turn }.of(&schema);
        let wrong: Vec<String> = fits.iter_errors(&example).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        let spec: T = serde_json::from_value(example.clone()).unwrap();
        assert_eq!(without_nulls(serde_json::to_value(&spec).unwrap()), example);
    }
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            members.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        scalar => scalar,
    }
}

#[test]
fn types_read_what_their_schemas_describe() {
    reads_what_it_describes::<JobSpec>();
    reads_what_it_describes::<ClusterSpec>();
    reads_what_it_describes::<PolicySpec>();
    reads_what_it_describes::<InstancePoolSpec>();
    reads_what_it_describes::<SchemaSpec>();
    reads_what_it_describes::<VolumeSpec>();
    reads_what_it_describes::<ExternalLocationSpec>();
    reads_what_it_describes::<SecretScopeSpec>();
}
