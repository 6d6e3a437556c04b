//! The page of the inventory in a real browser: it sorts, shows what a link leads to, and lets nothing in it do anything else.

use crate::pages::{browse, chromium, looked_at, serve, wrong};
use jiff::Timestamp;
use plumb_core::cost::book::Prices;
use plumb_core::inventory::{self, ClusterDetails, EmrAccount, FailedRead, RawCluster, ServerlessApplication};
use plumb_core::migrate::exit;
use plumb_core::render;
use plumb_core::translate::{TranslationOptions, supported};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const NOW: i64 = 1_793_000_000;
const HOSTILE: [&str; 5] = [
    "<img src=/elsewhere.png onerror=parent.taken=1>",
    "\"><script>parent.taken=1</script>",
    "javascript:parent.taken=1",
    "' onmouseover='parent.taken=1' x='",
    "</title></svg></script><script>parent.taken=1</script>",
];

/// A cluster of some hours, with one step that reads and writes.
fn cluster(number: usize, name: &str, hours: u64, failed: bool, line: &[&str]) -> RawCluster {
    let created = NOW - i64::try_from(number + 1).unwrap() * 86_400;
    let times = json!({ "CreationDateTime": created, "ReadyDateTime": created + 300, "EndDateTime": created + 7200 });
    let (state, of_step) = if failed { ("TERMINATED_WITH_ERRORS", "FAILED") } else { ("TERMINATED", "COMPLETED") };
    let group = |role: &str| json!({ "InstanceGroupType": role, "InstanceType": "m5.xlarge", "Market": "ON_DEMAND", "RequestedInstanceCount": 2 });
    let described = json!({ "Id": format!("j-{number}"), "Name": name, "ReleaseLabel": "emr-6.15.0",
                            "NormalizedInstanceHours": hours, "Status": { "State": state, "Timeline": times } });
    let step = json!({ "Id": format!("s-{number}"), "Name": name, "ActionOnFailure": "CONTINUE",
                       "Config": { "Jar": "command-runner.jar", "Args": line },
                       "Status": { "State": of_step, "Timeline": times } });
    let details = ClusterDetails { groups: Some(vec![group("MASTER"), group("CORE")]), ..ClusterDetails::default() };
    RawCluster::whole(described, vec![step], Some(details))
}

fn page(read: &EmrAccount) -> String {
    let now = Timestamp::from_second(NOW).unwrap();
    let book = json!({ "region": "eu-central-1", "currency": "USD", "asOf": "2026-11-01",
                       "nodes": [{ "type": "m5.xlarge", "ec2OnDemand": 0.2, "emr": 0.05 }] });
    let prices = Prices::of("eu", serde_json::from_value(book).unwrap());
    let inventory = inventory::inventory("123456789012", "eu-central-1", now, None, read);
    let options = TranslationOptions::new(supported("2026-11-22".parse().unwrap()));
    render::emr::html(&exit::report(inventory, read, &options, Some(&prices)))
}

/// Four pipelines, three of them in one wave.
fn plain() -> EmrAccount {
    let line =
        |from: &'static str, to: &'static str| vec!["spark-submit", "s3://code/a.py", "--input", from, "--output", to];
    EmrAccount {
        clusters: vec![
            cluster(0, "load", 900, false, &line("s3://lake/raw", "s3://lake/clean")),
            cluster(1, "mart", 80, true, &line("s3://lake/clean", "s3://lake/mart")),
            cluster(2, "mail", 1200, false, &line("s3://lake/mart", "s3://lake/mails")),
            cluster(3, "reports", 7, false, &["hive-script", "--run-hive-script", "--args", "-f", "s3://code/old.q"]),
        ],
        ..EmrAccount::default()
    }
}

/// Texts that want to be something else, in names, lines, paths, releases, errors.
fn hostile() -> EmrAccount {
    let mut read = plain();
    for (at, text) in HOSTILE.iter().enumerate() {
        let (from, to) = (format!("s3://lake/clean/{text}"), format!("s3://lake/{text}"));
        let mut one = cluster(10 + at, &format!("{text} {at}x"), 10, true, &[text, "--input", &from, "--output", &to]);
        let described = one.described.as_mut().unwrap();
        described["ReleaseLabel"] = json!(text);
        described["Status"]["StateChangeReason"] = json!({ "Code": text, "Message": text });
        read.clusters.push(one);
        let described = json!({ "applicationId": text, "name": text, "releaseLabel": text, "state": text });
        read.serverless.push(ServerlessApplication { described, runs: None });
        read.unknown.push(FailedRead { what: "GetIt".into(), of: "j-1".into(), why: (*text).to_owned() });
    }
    read
}

/// A page that opens another one in a frame, does something in it, and writes down what it saw.
fn actor(path: &str, act: &str) -> String {
    format!(
        r#"<!DOCTYPE html><html><head><link rel="icon" href="data:,"></head><body><script>
(async () => {{
    const frame = document.createElement('iframe');
    frame.style.cssText = 'width:1400px;height:900px';
    const loaded = new Promise(done => frame.onload = done);
    frame.src = {path:?};
    document.body.append(frame);
    await loaded;
    const view = frame.contentWindow, page = frame.contentDocument;
    const seen = await (async () => {{ {act} }})();
    document.body.innerHTML = '<pre id="seen"></pre>';
    document.getElementById('seen').textContent = btoa(unescape(encodeURIComponent(JSON.stringify(seen))));
}})();
</script></body></html>"#
    )
}

/// What an actor saw, what the browser complained of, and what was asked of the server.
fn acted(program: &std::path::Path, page: String, act: &str) -> (Value, Vec<String>, Vec<String>) {
    let server = serve(BTreeMap::from([("/page".to_owned(), page), ("/act".to_owned(), actor("/page", act))]));
    let (dom, said) = browse(program, false, &["--dump-dom".into()], &format!("{}/act", server.address));
    let seen = dom.split("<pre id=\"seen\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let seen = seen.unwrap_or_else(|| panic!("the browser saw nothing:\n{dom}\n{said}"));
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, seen).unwrap();
    let complaints = said.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    let asked = server.asked.lock().unwrap().clone();
    (serde_json::from_slice(&bytes).unwrap(), complaints, asked)
}

#[test]
fn an_inventory_looks_right_in_a_browser() {
    let Some(program) = chromium() else { return };
    let pages = BTreeMap::from([("/plain".to_owned(), page(&plain())), ("/hostile".to_owned(), page(&hostile()))]);
    for is_dark in [false, true] {
        let (seen, complaints, strange) = looked_at(&program, is_dark, &pages);
        assert_eq!((complaints, strange), (Vec::new(), Vec::new()));
        for (name, seen) in &seen {
            // The one script is its own.
            assert_eq!(wrong(seen), ["active: 1 []"], "{name}");
            let text = seen["text"].as_str().unwrap();
            for part in ["mail", "1,200", "Proposed waves", "rewrite: 1 step", "extended to 2027-06-30"] {
                assert!(text.contains(part), "{name}: {part}");
            }
        }
    }
}

#[test]
fn a_click_on_a_head_sorts() {
    let Some(program) = chromium() else { return };
    let act = r#"
        const rows = () => [...page.querySelectorAll('.ranking tbody tr')].map(row => row.cells[1].querySelector('a').textContent);
        const head = name => [...page.querySelectorAll('.ranking thead th')].find(th => th.textContent === name);
        const seen = { first: rows() };
        for (const [key, name] of [['failed', 'Failed'], ['name', 'Pipeline'], ['back', 'Pipeline'], ['light', 'Light']]) {
            head(name).querySelector('button').click();
            seen[key] = rows();
            seen[key + ' sort'] = head(name).getAttribute('aria-sort');
        }
        seen.sorts = page.querySelectorAll('[aria-sort]').length;
        seen.closed = page.getElementById('p2').open;
        page.querySelector("a[href='#p2']").click();
        await new Promise(done => setTimeout(done, 100));
        seen.open = page.getElementById('p2').open;
        return seen;"#;
    let (seen, complaints, asked) = acted(&program, page(&plain()), act);
    assert_eq!((complaints, asked), (Vec::new(), vec!["/act".to_owned(), "/page".to_owned()]));
    assert_eq!(seen["first"], json!(["mail", "load", "mart", "reports"]), "by hours");
    assert_eq!((&seen["failed"][0], &seen["failed sort"]), (&json!("mart"), &json!("descending")));
    assert_eq!((&seen["name"], &seen["name sort"]), (&json!(["load", "mail", "mart", "reports"]), &json!("ascending")));
    assert_eq!((&seen["back"][0], &seen["back sort"]), (&json!("reports"), &json!("descending")));
    assert_eq!((&seen["light"][3], &seen["sorts"]), (&json!("reports"), &json!(1)));
    assert_eq!((&seen["closed"], &seen["open"]), (&json!(false), &json!(true)));
}

#[test]
fn nothing_from_aws_is_active_and_nothing_could_be() {
    let Some(program) = chromium() else { return };
    let act = r#"
        for (const node of page.querySelectorAll('*')) {
            node.dispatchEvent(new view.MouseEvent('mouseover', { bubbles: true }));
            if (node.matches('a, th button, summary')) node.dispatchEvent(new view.MouseEvent('click', { bubbles: true, cancelable: true }));
        }
        await new Promise(done => setTimeout(done, 200));
        return { taken: window.taken ?? null, own: page.querySelectorAll('script').length, at: view.location.pathname,
                 text: page.body.innerText.includes('<img src=/elsewhere.png onerror=parent.taken=1>') };"#;
    let (seen, complaints, asked) = acted(&program, page(&hostile()), act);
    assert_eq!((complaints, asked), (Vec::new(), vec!["/act".to_owned(), "/page".to_owned()]));
    assert_eq!(seen, json!({ "taken": null, "own": 1, "at": "/page", "text": true }));
    // Even what got in would not run, nor load.
    let act = r#"
        page.body.insertAdjacentHTML('beforeend', '<img src=/elsewhere.png onerror="parent.taken=1"><p id=x onclick="parent.taken=1">x</p>');
        page.getElementById('x').click();
        const script = page.createElement('script');
        script.textContent = 'parent.taken = 1';
        page.body.append(script);
        await new Promise(done => setTimeout(done, 200));
        return window.taken ?? null;"#;
    let (seen, complaints, asked) = acted(&program, page(&plain()), act);
    assert_eq!((seen, asked), (Value::Null, vec!["/act".to_owned(), "/page".to_owned()]));
    assert!(
        complaints.len() >= 3 && complaints.iter().all(|line| line.contains("Content Security Policy")),
        "{complaints:?}"
    );
}
