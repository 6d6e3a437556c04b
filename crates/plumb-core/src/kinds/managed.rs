//! Which other tool a live object belongs to, where the object itself says so.
//!
//! Only what is known counts. Terraform writes nothing on an object of Databricks, so only a tag that people set tells of it;
//! a job that an Airflow operator made says nothing either; a locked page (`edit_mode: UI_LOCKED`) only says that some tool
//! locked it. What says nothing is taken over like anybody's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// A tool that makes objects and would overwrite what others do to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ToolName {
    /// A Databricks asset bundle: `databricks bundle deploy`.
    Bundle,
    /// Databricks itself.
    Databricks,
    Terraform,
    Pulumi,
    #[serde(rename = "cloudformation")]
    CloudFormation,
    ServiceCatalog,
}

impl ToolName {
    /// All of them.
    pub const ALL: [ToolName; 6] = [
        ToolName::Bundle,
        ToolName::Databricks,
        ToolName::Terraform,
        ToolName::Pulumi,
        ToolName::CloudFormation,
        ToolName::ServiceCatalog,
    ];

    /// As people call it: "a Databricks bundle".
    pub fn title(self) -> &'static str {
        match self {
            ToolName::Bundle => "a Databricks bundle",
            ToolName::Databricks => "Databricks itself",
            ToolName::Terraform => "Terraform",
            ToolName::Pulumi => "Pulumi",
            ToolName::CloudFormation => "CloudFormation",
            ToolName::ServiceCatalog => "AWS Service Catalog",
        }
    }
}

impl fmt::Display for ToolName {
    /// As `metadata.takeFrom` has it: `bundle`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The tool that an object belongs to, and what on the object says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    pub name: ToolName,
    /// `deployment.metadata_file_path = /Workspace/…/metadata.json`.
    pub sign: String,
}

impl Tool {
    /// In a sentence: "a Databricks bundle manages it (…)".
    pub fn says(&self) -> String {
        format!("{} manages it ({})", self.name.title(), self.sign)
    }
}

/// What a tag's value has to be.
enum Says {
    /// Any: the key says it.
    Anything,
    /// One of these, whatever their case.
    One(&'static [(&'static str, ToolName)]),
}

/// Tools that a tag names by its value.
const NAMED: &[(&str, ToolName)] = &[
    ("terraform", ToolName::Terraform),
    // OpenTofu is run, and keeps its state, as Terraform does.
    ("opentofu", ToolName::Terraform),
    ("tofu", ToolName::Terraform),
    ("pulumi", ToolName::Pulumi),
    ("cloudformation", ToolName::CloudFormation),
    ("bundle", ToolName::Bundle),
    ("databricks bundle", ToolName::Bundle),
    ("databricks asset bundle", ToolName::Bundle),
    ("databricks asset bundles", ToolName::Bundle),
];
const YES: &[(&str, ToolName)] =
    &[("true", ToolName::Terraform), ("yes", ToolName::Terraform), ("1", ToolName::Terraform)];

/// Tags that say which tool an object belongs to, the surest first. A key is compared without case, `-` as `_`.
const TAGS: &[(&str, ToolName, Says)] = &[
    // AWS writes tags under `aws:` and nobody else can (AWS General Reference, "Tagging AWS resources"); CloudFormation puts
    // this one on what a stack makes (CloudFormation user guide, "Resource tags").
    ("aws:servicecatalog:provisionedproductarn", ToolName::ServiceCatalog, Says::Anything),
    ("aws:cloudformation:stack_name", ToolName::CloudFormation, Says::Anything),
    // What people's modules write, by the word that they use for it (HashiCorp, "Default tags in the Terraform AWS provider":
    // the tags are the user's own).
    ("managed_by", ToolName::Terraform, Says::One(NAMED)),
    ("managedby", ToolName::Terraform, Says::One(NAMED)),
    ("provisioned_by", ToolName::Terraform, Says::One(NAMED)),
    ("provisioner", ToolName::Terraform, Says::One(NAMED)),
    ("terraform", ToolName::Terraform, Says::One(YES)),
];

/// The tool that a list of tags, `{key, value}` each, names.
pub fn by_pairs(pairs: &Value) -> Option<Tool> {
    let pair = |pair: &Value| Some((pair.get("key")?.as_str()?.to_owned(), pair.get("value")?.clone()));
    let map: serde_json::Map<String, Value> = pairs.as_array()?.iter().filter_map(pair).collect();
    by_tags(&map.into())
}

/// The tool that a map of tags names.
pub fn by_tags(tags: &Value) -> Option<Tool> {
    let tags = tags.as_object()?;
    TAGS.iter().find_map(|(wanted, tool, says)| {
        tags.iter().find_map(|(key, value)| {
            let value = value.as_str().unwrap_or_default();
            if key.to_ascii_lowercase().replace('-', "_") != *wanted {
                return None;
            }
            let name = match says {
                Says::Anything => *tool,
                Says::One(values) => values.iter().find(|(known, _)| value.eq_ignore_ascii_case(known))?.1,
            };
            Some(Tool { name, sign: format!("tag {key} = {value}") })
        })
    })
}

/// The tool that deployed a job. The CLI writes `deployment` on every job of a bundle, with the absolute workspace path of
/// its `metadata.json` (databricks/cli, acceptance tests of `bundle deploy` and `bundle deployment bind`), and jobs/list
/// shows it. `SYSTEM_MANAGED` is the service's own (databricks-sdk-py, `jobs.JobDeploymentKind`).
pub fn by_deployment(settings: &Value) -> Option<Tool> {
    let deployment = settings.get("deployment")?;
    let path = deployment["metadata_file_path"].as_str().unwrap_or_default();
    match deployment["kind"].as_str()? {
        "BUNDLE" if path.starts_with('/') && path.ends_with("/metadata.json") => {
            Some(Tool { name: ToolName::Bundle, sign: format!("deployment.metadata_file_path = {path}") })
        }
        "SYSTEM_MANAGED" => {
            Some(Tool { name: ToolName::Databricks, sign: "deployment.kind = SYSTEM_MANAGED".to_owned() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PATH: &str = "/Workspace/Users/ann/.bundle/etl/prod/state/metadata.json";

    #[test]
    fn a_tool_is_named_by_what_it_left_and_by_nothing_else() {
        use ToolName::*;
        let aws = "aws:cloudformation:stack-name";
        for (tags, wanted) in [
            (json!({ aws: "emr-audience", "managed_by": "terraform" }), Some(CloudFormation)),
            (json!({ "aws:servicecatalog:provisionedProductArn": "arn:…", aws: "SC-1" }), Some(ServiceCatalog)),
            (json!({ "ManagedBy": "Terraform" }), Some(Terraform)),
            (json!({ "managed-by": "OpenTofu" }), Some(Terraform)),
            (json!({ "provisioner": "pulumi" }), Some(Pulumi)),
            (json!({ "terraform": "true" }), Some(Terraform)),
            (json!({ "managed_by": "Databricks Asset Bundle" }), Some(Bundle)),
            // A team, an environment, a denial: none of them is a tool.
            (json!({ "managed_by": "platform team" }), None),
            (json!({ "terraform": "false" }), None),
            (json!({ "Vendor": "Databricks", "Creator": "ann", "dev": "ann" }), None),
            (json!({ "description": "terraform" }), None),
            (json!({}), None),
            (Value::Null, None),
        ] {
            assert_eq!(by_tags(&tags).map(|tool| tool.name), wanted, "{tags}");
        }
        for (deployment, wanted) in [
            (json!({ "kind": "BUNDLE", "metadata_file_path": PATH }), Some(Bundle)),
            (json!({ "kind": "SYSTEM_MANAGED" }), Some(Databricks)),
            // Nobody's bundle: no CLI writes this.
            (json!({ "kind": "BUNDLE", "metadata_file_path": "somewhere" }), None),
            (json!({ "kind": "BUNDLE" }), None),
            (json!({ "metadata_file_path": PATH }), None),
        ] {
            let settings = json!({ "name": "etl", "deployment": deployment, "edit_mode": "UI_LOCKED" });
            assert_eq!(by_deployment(&settings).map(|tool| tool.name), wanted, "{settings}");
        }
        assert_eq!(by_deployment(&json!({ "edit_mode": "UI_LOCKED" })), None);
        assert_eq!(
            by_tags(&json!({ aws: "emr" })).map(|tool| tool.says()),
            Some("CloudFormation manages it (tag aws:cloudformation:stack-name = emr)".to_owned())
        );
    }

    #[test]
    fn the_schema_of_manifests_knows_every_tool() {
        let schema: Value =
            serde_json::from_str(include_str!("../../../../schemas/DatabricksJob.json")).unwrap_or_default();
        let found = find(&schema, "takeFrom").and_then(|member| find(member, "enum")).and_then(Value::as_array);
        let written: Vec<&str> = found.into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(written, ToolName::ALL.map(|tool| tool.to_string()));
    }

    fn find<'v>(value: &'v Value, member: &str) -> Option<&'v Value> {
        let map = value.as_object()?;
        map.get(member).or_else(|| map.values().find_map(|inner| find(inner, member)))
    }
}
