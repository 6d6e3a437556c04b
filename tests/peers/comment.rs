//! A plan's Markdown as GitHub shows it: rendered by GitHub's own fork of cmark, and looked at in Chromium as wide as a comment
//! is there, and as a telephone has it.

use crate::golden_plans::{self, HOSTILE, READ_AT};
use crate::pages::{browse, chromium, serve};
use plumb_core::plan::Plan;
use plumb_core::render::{MarkdownOptions, markdown};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The widths of a comment's text, in CSS pixels: on GitHub's page, and on a telephone.
const WIDTHS: [u32; 2] = [760, 360];
/// Every tag that a comment may have, with its attributes.
const TAGS: [&str; 12] =
    ["a href", "code", "details", "details open", "h3", "h4", "li", "p", "pre lang", "strong", "summary", "ul"];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/peers")
}

/// What GitHub makes of these texts, by their names.
fn rendered(texts: &BTreeMap<String, String>) -> Value {
    let setup = Command::new("sh")
        .arg(folder().join("setup.sh"))
        .arg(folder().join("requirements-markdown.txt"))
        .output()
        .unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let python = String::from_utf8(setup.stdout).unwrap();
    let mut child = Command::new(python.trim())
        .arg(folder().join("render_markdown.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(json!(texts).to_string().as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success());
    serde_json::from_slice(&done.stdout).unwrap()
}

fn shown(plan: &Plan) -> String {
    markdown(plan, &MarkdownOptions { by_hand: true, ..MarkdownOptions::default() })
}

/// Every golden plan, as if it had been made on a runner.
fn texts() -> BTreeMap<String, String> {
    let linked = |plan: Plan| Plan { links: golden_plans::linked(), ..plan };
    let all = golden_plans::all().into_iter().chain([("many", golden_plans::many())]);
    all.map(|(case, plan)| (case.to_owned(), shown(&linked(plan)))).collect()
}

#[test]
fn nothing_but_what_is_meant_becomes_markup() {
    let texts = texts();
    let all = rendered(&texts);
    let allowed = [
        "https://github.com/acme/data/actions/runs/42".to_owned(),
        format!("https://github.com/acme/data/blob/{READ_AT}/"),
        "https://github.com/acme/data/commit/3f2a91c0b1d2".to_owned(),
        "https://acme.cloud.databricks.com/jobs/".to_owned(),
        "https://acme.cloud.databricks.com/compute/".to_owned(),
        "https://acme.cloud.databricks.com/setting/clusters/cluster-policies/view/".to_owned(),
        "https://airflow.acme.example/dags/".to_owned(),
    ];
    for (case, text) in &texts {
        let seen = &all[case];
        assert_eq!(seen["wrong"], json!([]), "{case}:\n{text}");
        for tag in seen["tags"].as_array().unwrap() {
            assert!(TAGS.contains(&tag.as_str().unwrap()), "{case}: {tag}\n{text}");
        }
        for link in seen["links"].as_array().unwrap() {
            let (to, words) = (link[0].as_str().unwrap(), link[1].as_str().unwrap());
            assert!(allowed.iter().any(|start| to.starts_with(start.as_str())), "{case}: {to}");
            assert!(!to.contains("..") && !to.contains("//acme/"), "{case}: {to}");
            assert!(!words.is_empty(), "{case}: {to}");
        }
        let outside = seen["outside"].as_str().unwrap();
        for active in ["@", "pwned", "<img", "::", "http"] {
            assert!(!outside.contains(active), "{case}: {active} in\n{outside}");
        }
    }
    // The hostile texts are there, and do nothing.
    assert!(all["hostile"]["html"].as_str().unwrap().matches("pwned").count() > 20 && !HOSTILE.is_empty());
}

#[test]
fn links_lead_to_the_line_the_commit_and_the_live_object() {
    let all = rendered(&texts());
    let links: Vec<(&str, &str)> = all["review"]["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| (link[1].as_str().unwrap(), link[0].as_str().unwrap()))
        .collect();
    let blob = |line: &str| format!("https://github.com/acme/data/blob/{READ_AT}/manifests/{line}");
    for (words, to) in [
        ("manifests/audience.yaml:3", blob("audience.yaml#L3")),
        (":31", blob("audience.yaml#L31")),
        ("manifests/adhoc.yaml:1", blob("adhoc.yaml#L1")),
        ("3f2a91c0b1d2", "https://github.com/acme/data/commit/3f2a91c0b1d2".to_owned()),
        ("live job 620178", "https://acme.cloud.databricks.com/jobs/620178?o=4201".to_owned()),
        (
            "live instance pool 620178",
            "https://acme.cloud.databricks.com/compute/instance-pools/620178?o=4201".to_owned(),
        ),
        ("live DAG 620178", "https://airflow.acme.example/dags/620178".to_owned()),
        ("The whole plan", "https://github.com/acme/data/actions/runs/42".to_owned()),
    ] {
        assert!(links.contains(&(words, to.as_str())), "{words} -> {to} is not in\n{links:#?}");
    }
    // What is made has no page yet.
    assert!(links.iter().all(|(words, _)| !words.contains("live cluster")), "{links:#?}");
}

/// A page with the comment in it, with the colours that GitHub gives a diff.
fn page(html: &str, width: u32) -> String {
    let mut coloured = String::new();
    let mut is_diff = false;
    for line in html.split_inclusive('\n') {
        let (before, line) = match line.split_once("<pre lang=\"diff\"><code>") {
            Some((before, rest)) => {
                is_diff = true;
                (format!("{before}<pre><code>"), rest)
            }
            None => (String::new(), line),
        };
        is_diff &= !line.starts_with("</code>");
        let class = match line.chars().next().filter(|_| is_diff) {
            Some('+') => "add",
            Some('-') => "del",
            Some('!') => "change",
            _ => "",
        };
        coloured.push_str(&before);
        if class.is_empty() {
            coloured.push_str(line);
        } else {
            coloured.push_str(&format!("<span class={class}>{}</span>\n", line.trim_end_matches('\n')));
        }
    }
    // The sizes are those of github.com's style sheet for comments (Primer's `markdown-body`).
    format!(
        "<!DOCTYPE html><html><head><meta charset=utf-8><link rel=icon href='data:,'><style>\
         body {{ margin: 0; padding: 16px; box-sizing: border-box; width: {width}px; \
                 font: 14px/1.5 -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif; color: #1f2328 }} \
         h3, h4 {{ margin: 24px 0 16px; line-height: 1.25 }} h3 {{ font-size: 1.25em }} h4 {{ font-size: 1em }} \
         p, ul, details, pre {{ margin: 0 0 16px }} ul {{ padding-left: 2em }} a {{ color: #0969da; text-decoration: none }} \
         body > :first-child {{ margin-top: 0 }} \
         code {{ font: 85% ui-monospace, SFMono-Regular, Menlo, 'Liberation Mono', monospace; padding: .2em .4em; \
                 background: #818b981f; border-radius: 6px; white-space: break-spaces; overflow-wrap: anywhere }} \
         pre {{ padding: 16px; overflow: auto; line-height: 1.45; background: #f6f8fa; border-radius: 6px; font-size: 85% }} \
         pre code {{ padding: 0; background: none; white-space: pre; font-size: 100%; overflow-wrap: normal }} \
         .add {{ color: #116329; background: #dafbe1 }} .del {{ color: #82071e; background: #ffebe9 }} \
         .change {{ color: #953800; background: #ffd8b5 }}</style></head><body>{coloured}</body></html>"
    )
}

/// What a browser measures of pages: what is wider than the page, and the lines of fences that have to be scrolled.
fn measured(program: &Path, pages: &BTreeMap<String, String>) -> Value {
    let names: Vec<&String> = pages.keys().collect();
    let measure = format!(
        r#"<!DOCTYPE html><html><head><link rel="icon" href="data:,"></head><body><script>
(async () => {{
    const all = {{}};
    for (const name of {names}) {{
        const frame = document.createElement('iframe');
        frame.style.cssText = 'width:1000px;height:900px;border:0';
        const loaded = new Promise(done => frame.onload = done);
        frame.src = name;
        document.body.append(frame);
        await loaded;
        const page = frame.contentDocument, right = page.body.getBoundingClientRect().right;
        page.querySelectorAll('details').forEach(one => one.open = true);
        all[name] = {{
            wide: [...page.querySelectorAll('body *')]
                .filter(node => !node.closest('pre > *') && node.getBoundingClientRect().right > right + 1)
                .map(node => node.outerHTML.slice(0, 200)),
            scrolled: [...page.querySelectorAll('pre')].filter(pre => pre.scrollWidth > pre.clientWidth)
                .map(pre => pre.textContent),
            closed: [...page.querySelectorAll('summary')].filter(one => !one.textContent.trim()).length,
        }};
        frame.remove();
    }}
    document.body.innerHTML = '<pre id="seen"></pre>';
    document.getElementById('seen').textContent = btoa(unescape(encodeURIComponent(JSON.stringify(all))));
}})();
</script></body></html>"#,
        names = serde_json::to_string(&names).unwrap()
    );
    let mut all = pages.clone();
    all.insert("/measure".into(), measure);
    let server = serve(all);
    let (dom, said) = browse(program, false, &["--dump-dom".into()], &format!("{}/measure", server.address));
    let seen = dom.split("<pre id=\"seen\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let seen = seen.unwrap_or_else(|| panic!("the browser saw nothing:\n{dom}\n{said}"));
    serde_json::from_slice(&base64::Engine::decode(&base64::engine::general_purpose::STANDARD, seen).unwrap()).unwrap()
}

#[test]
fn a_comment_fits_where_it_is_read() {
    let Some(program) = chromium() else { return };
    let texts = texts();
    let all = rendered(&texts);
    let html = |case: &str| all[case]["html"].as_str().unwrap().to_owned();
    let pages: BTreeMap<String, String> = texts
        .keys()
        .flat_map(|case| WIDTHS.map(|width| (format!("/{case}-{width}"), page(&html(case), width))))
        .collect();
    let seen = measured(&program, &pages);
    for name in pages.keys() {
        // Only fences scroll.
        assert_eq!(seen[name]["wide"], json!([]), "{name}");
        assert_eq!(seen[name]["closed"], 0, "{name}");
    }
    // In a comment nothing that plumb says has to be scrolled, only values that are longer than a line.
    for case in
        ["review", "origins", "blocked", "replace-with-impacts", "delete-and-release", "teardown", "wave-held", "many"]
    {
        assert_eq!(seen[format!("/{case}-760")]["scrolled"], json!([]), "{case}");
    }
    // For people to look at: PLUMB_PICTURES=FOLDER.
    let Some(pictures) = std::env::var_os("PLUMB_PICTURES").map(PathBuf::from) else { return };
    let server = serve(pages.clone());
    for name in pages.keys() {
        let width: u32 = name.rsplit('-').next().unwrap().parse().unwrap();
        let file = pictures.join(format!("{}.png", name.trim_start_matches('/')));
        let options = [format!("--screenshot={}", file.display()), format!("--window-size={},2600", width.max(500))];
        browse(&program, false, &options, &format!("{}{name}", server.address));
        assert!(file.is_file(), "{}", file.display());
    }
}
