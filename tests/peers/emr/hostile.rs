//! Names, arguments and messages that want to be something else than text, in every place that has some.

use jiff::Timestamp;
use plumb_core::inventory::{self, ClusterDetails, EmrAccount, FailedRead, JobRun, RawCluster, ServerlessApplication};
use plumb_core::migrate::exit::{self, ExitReport};
use plumb_core::render;
use plumb_core::translate::{TranslationOptions, supported};
use serde_json::{Value, json};

/// An account in which every text is this one.
fn account(text: &str) -> EmrAccount {
    let properties: Value = [(text.to_owned(), json!(text))].into_iter().collect();
    let step = json!({
        "Name": text, "ActionOnFailure": text, "Config": { "Jar": text, "MainClass": text, "Args": [text, "spark-submit", text] },
        "Status": { "State": "FAILED", "FailureDetails": { "Reason": text, "Message": text, "LogFile": text } },
    });
    let described = json!({
        "Id": "j-1", "Name": text, "ReleaseLabel": text, "LogUri": format!("s3://b/{text}"), "SecurityConfiguration": text,
        "ServiceRole": text, "Ec2InstanceAttributes": { "IamInstanceProfile": text },
        "Applications": [{ "Name": text }], "Tags": [{ "Key": text, "Value": text }],
        "Configurations": [{ "Classification": text, "Properties": properties, "Configurations": [
            { "Classification": text, "Properties": { "x": text } }] }],
        "Status": { "State": "TERMINATED_WITH_ERRORS", "StateChangeReason": { "Code": text, "Message": text } },
    });
    let details = ClusterDetails {
        groups: Some(vec![json!({ "InstanceGroupType": text, "InstanceType": text, "RequestedInstanceCount": 2 })]),
        fleets: Some(Vec::new()),
        bootstrap: Some(vec![json!({ "Name": text, "ScriptPath": text, "Args": [text] })]),
        managed_scaling: Some(json!({ "ManagedScalingPolicy": { text: text } })),
        auto_termination: None,
    };
    let run = JobRun {
        listed: json!({ "name": text, "state": "FAILED", "stateDetails": text, "executionRole": text }),
        described: Some(json!({ "jobDriver": { "sparkSubmit": {
            "entryPoint": text, "entryPointArguments": [text], "sparkSubmitParameters": text } } })),
    };
    let application = json!({ "applicationId": text, "name": text, "state": text, "releaseLabel": text, "type": text,
        "architecture": text, "maximumCapacity": { "cpu": text }, "tags": { text: text } });
    EmrAccount {
        clusters: vec![RawCluster::whole(described, vec![step], Some(details))],
        serverless: vec![ServerlessApplication { described: application, runs: Some(vec![run]) }],
        security: [(text.to_owned(), Some(json!({ text: [text] })))].into_iter().collect(),
        unknown: vec![FailedRead { what: "GetIt".into(), of: "j-1".into(), why: text.to_owned() }],
        ..EmrAccount::default()
    }
}

fn inventory(text: &str) -> ExitReport {
    let account = account(text);
    let inventory = inventory::inventory("1", "eu-central-1", Timestamp::UNIX_EPOCH, None, &account);
    exit::report(inventory, &account, &TranslationOptions::new(supported("2026-11-22".parse().unwrap())), None)
}

#[test]
fn text_stays_text() {
    for text in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'</code></td></table></details><h1 onclick='x'>&lt;",
        "a\u{1b}[31mred\u{7}\r\nb",
        "\n::error::fails\n##[error]x ##vso[task.x]y",
        "\u{202e}gnp.exe\u{200b}\u{2066}",
        "--><!-- ${x} {{y}}",
        "",
    ] {
        let inventory = inventory(text);
        let plain = render::emr::text(&inventory, 60);
        let json = render::emr::json(&inventory).unwrap();
        let html = render::emr::html(&inventory);
        for (form, shown) in [("text", &plain), ("json", &json), ("html", &html)] {
            let hidden = shown.chars().find(|c| *c != '\n' && render::value::is_hidden(*c));
            assert_eq!(hidden, None, "{form} of {text:?}");
            assert!(!shown.contains("##[") && !shown.contains("##vso["), "{form} of {text:?}");
            assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{form} of {text:?}:\n{shown}");
        }
        let read: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["pipelines"][0]["steps"][0]["jar"], text, "JSON keeps what was there");
    }
}

#[test]
fn no_secret_is_in_any_form() {
    for (text, secret) in [
        ("--password=hunter22", "hunter22"),
        ("x AKIAIOSFODNN7EXAMPLE y", "AKIAIOSFODNN7EXAMPLE"),
        ("{\"apiKey\": \"hunter22\"}", "hunter22"),
        ("https://me:hunter22@host/x", "hunter22"),
        ("export DB_PASSWORD='hunter22 x'", "hunter22"),
        ("dapi0123456789abcdef0123456789abcdef", "0123456789abcdef"),
    ] {
        let inventory = inventory(text);
        let forms = [
            render::emr::text(&inventory, 100),
            render::emr::json(&inventory).unwrap(),
            render::emr::html(&inventory),
            format!("{inventory:?}"),
        ];
        for shown in forms {
            assert!(!shown.contains(secret), "{secret} of {text:?} in:\n{shown}");
            assert!(shown.contains("(secret)"));
        }
    }
}
