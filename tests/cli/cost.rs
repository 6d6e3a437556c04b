//! `plumb cost` from kept facts alone, and `plumb prices fetch` against a price list of the test's own.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const NOW: &str = "2026-11-20T08:00:00Z";

fn plumb(dir: &Path, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", dir);
    command.env("PLUMB_NOW", NOW).envs(env.iter().copied()).arg("-C").arg(dir).args(args);
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A copy of the project of the example, which may be changed.
fn project() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let from = Path::new(ROOT).join("tests/cost/project");
    for folder in ["", "manifests", "evidence/runs"] {
        std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        for entry in std::fs::read_dir(from.join(folder)).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), dir.path().join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
    dir
}

#[test]
fn the_example_of_the_page_is_what_the_command_says() {
    let page = std::fs::read_to_string(Path::new(ROOT).join("docs/cost.md")).unwrap();
    let start = page.find("$ plumb cost audience --target prod\n").unwrap();
    let shown = &page[start..start + page[start..].find("```").unwrap()];
    let dir = project();
    let told = plumb(dir.path(), &["cost", "audience", "--target", "prod"], &[]);
    assert_eq!(shown.split_once('\n').unwrap().1, out(&told), "{}", err(&told));
}

#[test]
fn every_form_and_every_view_is_of_the_same_facts() {
    let dir = project();
    let csv = out(&plumb(dir.path(), &["cost", "--output", "csv"], &[]));
    assert!(csv.contains("audience,2026-09,new,1,12660,28.1474,28.1474,USD,,151920,151920,58.236,58.236\r\n"), "{csv}");
    let json: serde_json::Value =
        serde_json::from_str(&out(&plumb(dir.path(), &["cost", "--output", "json", "--explain"], &[]))).unwrap();
    assert_eq!((json["format"].as_str(), json["book"]["currency"].as_str()), (Some("plumb.cost/v1"), Some("USD")));
    assert!(json["pipelines"][0]["runs"][0]["terms"][0]["source"] == "aws", "{json}");
    let causes = out(&plumb(dir.path(), &["cost", "--by", "cause"], &[]));
    assert!(causes.contains("SPOT_RECLAIM   old    1             2 h 40 min   22.7 – 29.7"), "{causes}");
    let html = out(&plumb(dir.path(), &["cost", "--output", "html"], &[]));
    assert!(html.contains("<svg") && !html.contains("http://") && !html.contains("https://"), "no address is loaded");
    let since = out(&plumb(dir.path(), &["cost", "--since", "2026-10", "--output", "csv"], &[]));
    assert!(!since.contains("2026-09") && since.contains("2026-10"), "{since}");
}

#[test]
fn what_is_wrong_with_facts_and_books_is_said_with_its_place() {
    let dir = project();
    let run = |name: &str| dir.path().join("evidence/runs").join(name);
    let text = std::fs::read_to_string(run("audience-2026-08.json")).unwrap();
    std::fs::write(run("other.json"), text.replace("\"audience\"", "\"churn\"")).unwrap();
    let told = plumb(dir.path(), &["cost"], &[]);
    assert!(!told.status.success() && err(&told).contains("other.json: run j-2A7Q4M1N9KPLF is in"), "{}", err(&told));
    std::fs::remove_file(run("other.json")).unwrap();
    let old = plumb(dir.path(), &["validate"], &[("PLUMB_NOW", "2027-06-01T00:00:00Z")]);
    assert!(err(&old).contains("are 212 days old") && err(&old).contains("prices.yaml:7"), "{}", err(&old));
    std::fs::remove_file(dir.path().join("manifests/prices.yaml")).unwrap();
    let none = plumb(dir.path(), &["cost"], &[]);
    assert!(
        out(&none).contains("117.3 unpriced node-hours") && out(&none).contains("plumb prices fetch"),
        "{}",
        out(&none)
    );
    let unknown = plumb(dir.path(), &["cost", "audienc"], &[]);
    assert_eq!(unknown.status.code(), Some(64));
    assert!(err(&unknown).contains("did you mean `audience`?"), "{}", err(&unknown));
}

/// A price list that answers for one type: EC2 or EMR as it is asked, in two pages. Returns its address.
pub fn price_list() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let read = |name: &str| std::fs::read_to_string(Path::new(ROOT).join("tests/cost/aws").join(name)).unwrap();
    let (ec2, emr) = (read("ec2.json"), read("emr.json"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut part = [0; 4096];
            loop {
                let count = stream.read(&mut part).unwrap();
                request.extend_from_slice(&part[..count]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.to_lowercase();
                let length = length.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
                if body.len() >= length.parse().unwrap() || count == 0 {
                    break;
                }
            }
            let text = String::from_utf8_lossy(&request).into_owned();
            assert!(text.to_lowercase().contains("x-amz-target: awspricelistservice.getproducts"), "{text}");
            assert!(
                text.contains("/eu-central-1/pricing/aws4_request"),
                "signed for the region that has the endpoint: {text}"
            );
            let answer = if !text.contains("m5.2xlarge") {
                "{\"FormatVersion\":\"aws_v1\",\"PriceList\":[]}".to_owned()
            } else if !text.contains("NextToken") {
                "{\"FormatVersion\":\"aws_v1\",\"PriceList\":[],\"NextToken\":\"n\"}".to_owned()
            } else if text.contains("ElasticMapReduce") {
                emr.clone()
            } else {
                ec2.clone()
            };
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                answer.len()
            );
            stream.write_all(format!("{head}{answer}").as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn a_book_is_fetched_for_the_types_in_use_and_not_written_over() {
    let dir = project();
    let url = price_list();
    let env = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "example-secret-key"),
    ];
    let path = dir.path().join("manifests/prices.yaml");
    let before = std::fs::read_to_string(&path).unwrap();
    let told = plumb(dir.path(), &["prices", "fetch"], &env);
    assert!(!told.status.success() && err(&told).contains("is there already; nothing was written"), "{}", err(&told));
    assert!(err(&told).contains("+     - {type: m5.2xlarge, ec2OnDemand: 0.096, emr: 0.024"), "{}", err(&told));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    let told = plumb(dir.path(), &["prices", "fetch", "--force"], &env);
    assert!(told.status.success(), "{}", err(&told));
    let after = std::fs::read_to_string(&path).unwrap();
    // What people wrote stays, and what AWS does not list is asked for.
    assert!(
        after.contains("ec2Spot: [0.07, 0.09]")
            && after.contains("# PRICE: m5.xlarge: `ec2OnDemand`: AWS lists no hourly price"),
        "{after}"
    );
    assert!(after.contains("asOf: 2026-11-20"), "{after}");
    let valid = plumb(dir.path(), &["validate"], &[]);
    assert!(valid.status.success(), "{}", err(&valid));
    let again = plumb(dir.path(), &["prices", "fetch"], &env);
    assert!(again.status.success() && err(&again).contains("is up to date"), "{}", err(&again));
}
