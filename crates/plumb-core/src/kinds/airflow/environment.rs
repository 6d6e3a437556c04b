//! An environment of Amazon MWAA: how a target names it, and what its description says. Pure.
//!
//! Facts: botocore's service model `mwaa/2020-07-01` (names, members, statuses, access modes); the MWAA user guide, "Using the
//! Apache Airflow REST API".

use super::destination::Unusable;
use serde_json::Value;

/// The longest name (botocore, `EnvironmentName`).
const LONGEST_NAME: usize = 80;

/// An environment as `airflow.mwaa` of a target names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentName {
    pub name: String,
    /// What an ARN says beside the name.
    pub place: Option<EnvironmentPlace>,
}

/// Where an environment is, by its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentPlace {
    pub region: String,
    pub account: String,
}

impl EnvironmentName {
    /// Reads the setting: a name, or `arn:aws:airflow:REGION:ACCOUNT:environment/NAME`.
    pub fn read(text: &str) -> Result<Self, Unusable> {
        let wrong = |what: &str| Unusable {
            what: format!("`{text}` {what}"),
            fix: "expected the name of an MWAA environment, or `arn:aws:airflow:REGION:ACCOUNT:environment/NAME`"
                .to_owned(),
        };
        let Some(rest) = text.strip_prefix("arn:") else {
            return if is_name(text) {
                Ok(EnvironmentName { name: text.to_owned(), place: None })
            } else {
                Err(wrong("names no environment: letters, digits, `-` and `_`, a letter first, 80 of them at most"))
            };
        };
        let parts: Vec<&str> = rest.splitn(5, ':').collect();
        let [partition, "airflow", region, account, resource] = parts[..] else {
            return Err(wrong("is no ARN of Amazon MWAA"));
        };
        let name = resource.strip_prefix("environment/").filter(|name| is_name(name));
        let name = name.ok_or_else(|| wrong("is no ARN of an environment"))?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_place = partition.starts_with("aws")
            && !region.is_empty()
            && region.chars().all(plain)
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit());
        if !is_place {
            return Err(wrong("has no region, or no account of twelve digits"));
        }
        let place = EnvironmentPlace { region: region.to_owned(), account: account.to_owned() };
        Ok(EnvironmentName { name: name.to_owned(), place: Some(place) })
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.len() <= LONGEST_NAME
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// What `GetEnvironment` says of an environment, as far as it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MwaaEnvironment {
    pub name: String,
    pub arn: String,
    /// `AVAILABLE`.
    pub status: String,
    /// `3.0.6`.
    pub version: String,
    /// The host name of the web server.
    pub web_server: String,
    /// Whether only the VPC reaches the web server.
    pub private: bool,
    /// Where MWAA reads DAGs: `s3://BUCKET/PATH`; `None` where the description does not say.
    pub dags: Option<String>,
    /// Why the last update failed, in MWAA's words.
    pub trouble: Option<String>,
}

/// What can be done with an environment at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvironmentState {
    /// Anything.
    Ready,
    /// It can be read, if its web server answers; what is read may change. Says what is going on.
    Changing(&'static str),
    /// Nothing. Says why, and what to do.
    Unusable(&'static str),
}

impl MwaaEnvironment {
    /// Reads the answer of `GetEnvironment`. The error says what is missing.
    pub fn read(answer: &Value) -> Result<Self, String> {
        let of = &answer["Environment"];
        let text = |name: &str| of[name].as_str().filter(|text| !text.is_empty());
        let needed = |name: &str| text(name).map(str::to_owned).ok_or_else(|| format!("it has no `{name}`"));
        let dags = text("SourceBucketArn").and_then(|arn| arn.rsplit(":::").next()).map(|bucket| {
            let path = text("DagS3Path").unwrap_or_default().trim_matches('/');
            format!("s3://{bucket}/{path}")
        });
        let status = needed("Status")?;
        // One that is being created has no web server yet.
        let web_server = text("WebserverUrl").unwrap_or_default().to_owned();
        Ok(MwaaEnvironment {
            name: needed("Name")?,
            arn: needed("Arn")?,
            status,
            version: text("AirflowVersion").unwrap_or_default().to_owned(),
            web_server,
            private: text("WebserverAccessMode") == Some("PRIVATE_ONLY"),
            dags,
            trouble: of["LastUpdate"]["Error"]["ErrorMessage"].as_str().map(str::to_owned),
        })
    }

    /// What can be done with it (botocore, `EnvironmentStatus`, says what each status means).
    pub fn state(&self) -> EnvironmentState {
        use EnvironmentState::{Changing, Ready, Unusable};
        match self.status.as_str() {
            // After a failed update the environment was restored, "and is ready to use".
            "AVAILABLE" | "UPDATE_FAILED" => Ready,
            "UPDATING" => Changing("is being updated"),
            "CREATING_SNAPSHOT" => Changing("is being updated, and its database saved before that"),
            "ROLLING_BACK" => Changing("goes back to what it was before an update that failed"),
            "MAINTENANCE" => Changing("is in its weekly maintenance window"),
            "CREATING" => Unusable("is being created: wait until its status is AVAILABLE"),
            "PENDING" => Unusable("waits for VPC endpoints that you have to create; then it goes on by itself"),
            "CREATE_FAILED" => Unusable("could not be created: delete it and create it again"),
            "DELETING" | "DELETED" => Unusable("is deleted: name another one in `airflow.mwaa` of the target"),
            "UNAVAILABLE" => Unusable("is not stable after a failed change: AWS Support or a new environment helps"),
            _ => Changing("is in a state that plumb does not know"),
        }
    }

    /// Whether its Airflow is 3 or later; `None` when the version cannot be read.
    pub fn is_airflow_3(&self) -> Option<bool> {
        let major: u32 = self.version.split('.').next()?.parse().ok()?;
        Some(major >= 3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_environment_is_named_or_an_arn() {
        let named = EnvironmentName::read("Prod-airflow_2").unwrap();
        assert_eq!((named.name.as_str(), named.place), ("Prod-airflow_2", None));
        let arn = EnvironmentName::read("arn:aws-cn:airflow:cn-north-1:123456789012:environment/prod").unwrap();
        let place = EnvironmentPlace { region: "cn-north-1".into(), account: "123456789012".into() };
        assert_eq!((arn.name.as_str(), arn.place), ("prod", Some(place)));
        for text in [
            "",
            "1prod",
            "prod.eu",
            "https://prod",
            "arn:aws:s3:::bucket",
            "arn:aws:airflow:eu-west-1:123456789012:role/prod/Admin",
            "arn:aws:airflow:evil.example/:123456789012:environment/prod",
            "arn:aws:airflow:eu-west-1:1234:environment/prod",
            "arn:aws:airflow:eu-west-1:123456789012:environment/a/b",
        ] {
            let refused = EnvironmentName::read(text).unwrap_err();
            assert!(refused.fix.contains("environment/NAME"), "{text}: {refused}");
        }
        assert!(EnvironmentName::read(&"a".repeat(81)).is_err());
    }

    #[test]
    fn a_description_says_where_dags_are_and_what_may_be_done() {
        let read = |status: &str| {
            let described = json!({ "Environment": {
                "Name": "prod", "Arn": "arn:aws:airflow:eu-west-1:123456789012:environment/prod", "Status": status,
                "AirflowVersion": "2.11.0", "WebserverUrl": "x.eu-west-1.airflow.amazonaws.com",
                "WebserverAccessMode": "PRIVATE_ONLY", "SourceBucketArn": "arn:aws:s3:::acme-dags", "DagS3Path": "a/dags/",
            } });
            MwaaEnvironment::read(&described).unwrap()
        };
        let prod = read("AVAILABLE");
        assert_eq!((prod.dags.as_deref(), prod.private), (Some("s3://acme-dags/a/dags"), true));
        assert_eq!((prod.state(), prod.is_airflow_3()), (EnvironmentState::Ready, Some(false)));
        for (statuses, wanted) in [
            (&["AVAILABLE", "UPDATE_FAILED"][..], "ready"),
            (&["UPDATING", "CREATING_SNAPSHOT", "ROLLING_BACK", "MAINTENANCE", "SOMETHING_NEW"], "changing"),
            (&["CREATING", "PENDING", "CREATE_FAILED", "DELETING", "DELETED", "UNAVAILABLE"], "unusable"),
        ] {
            for status in statuses {
                let state = match read(status).state() {
                    EnvironmentState::Ready => "ready",
                    EnvironmentState::Changing(_) => "changing",
                    EnvironmentState::Unusable(_) => "unusable",
                };
                assert_eq!(state, wanted, "{status}");
            }
        }
        let missing = MwaaEnvironment::read(&json!({ "Environment": { "Name": "prod", "Status": "AVAILABLE" } }));
        assert_eq!(missing, Err("it has no `Arn`".to_owned()));
    }
}
