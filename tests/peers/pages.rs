//! The page of a report in a real browser: Chromium, at `CHROMIUM` or on the PATH, else installed from Debian where CI runs as
//! root. Without it the test is skipped, and the skip is printed with its number.
//!
//! A server of the test's own gives out the reports and a page that opens one in a frame, looks at it and writes what it saw
//! as JSON; `--dump-dom` brings that back. What the browser asks for, the server sees.

use crate::reports::{extreme, reports};
use plumb_core::parity::result::Report;
use plumb_core::render::parity::{ParityContext, html};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

static SKIPPED: AtomicU32 = AtomicU32::new(0);
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
/// The widths at which a page is looked at, in CSS pixels.
const WIDTHS: [u32; 2] = [320, 1200];
/// The least contrast of text with what is behind it: WCAG 2.2, 1.4.3 (AA).
const CONTRAST: f64 = 4.5;

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

/// The browser, installed where that is allowed; `None` counts and prints a skip.
pub(crate) fn chromium() -> Option<PathBuf> {
    let given = std::env::var_os("CHROMIUM").map(PathBuf::from).filter(|path| path.is_file());
    let found = given.or_else(on_path).or_else(|| {
        let is_root = Command::new("id").arg("-u").output().is_ok_and(|done| done.stdout == b"0\n");
        if is_root && std::env::var_os("CI").is_some() {
            // Debian's package, as issue trackers of CI systems advise; Ubuntu's is a snap, but its runners have Chrome.
            let _ = Command::new("apt-get").args(["install", "--yes", "--no-install-recommends", "chromium"]).output();
        }
        on_path()
    });
    if found.is_none() {
        let count = SKIPPED.fetch_add(1, Ordering::SeqCst) + 1;
        // The test harness captures what is printed, but not what is written to the stream.
        let _ =
            writeln!(std::io::stderr(), "skipped page {count}: no Chromium on the PATH, and none could be installed");
    }
    found
}

/// Pages by their paths, and which were asked for.
pub(crate) struct PageServer {
    pub address: String,
    pub asked: Arc<Mutex<Vec<String>>>,
}

pub(crate) fn serve(pages: BTreeMap<String, String>) -> PageServer {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(&mut stream).lines().map_while(Result::ok);
            let path = lines.next().and_then(|line| line.split(' ').nth(1).map(str::to_owned)).unwrap_or_default();
            let _ = lines.take_while(|line| !line.is_empty()).count();
            // A browser may open a connection and ask nothing.
            if path.is_empty() {
                continue;
            }
            log.lock().unwrap().push(path.clone());
            let (status, body) = pages.get(&path).map_or(("404 Not Found", ""), |body| ("200 OK", body.as_str()));
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}",
                body.len()
            );
            let _ = write!(stream, "{head}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    PageServer { address, asked }
}

/// The page that looks at others. Frames take over the colours that the browser prefers only where this page allows both.
fn looker(names: &[String], widths: &[u32]) -> String {
    let names = serde_json::to_string(names).unwrap();
    format!(
        r#"<!DOCTYPE html><html style="color-scheme:light dark"><head><link rel="icon" href="data:,"></head><body><script>
const bright = text => {{
    const part = text.match(/[\d.]+/g).map(Number);
    // What `color-mix` makes is `color(srgb 0.9 0.5 0.5)`.
    if (text.startsWith('color(')) for (const at of [0, 1, 2]) part[at] *= 255;
    const [r, g, b] = part.slice(0, 3).map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return {{ light: 0.2126 * r + 0.7152 * g + 0.0722 * b, solid: part.length < 4 || part[3] > 0 }};
}};
const look = frame => {{
    const page = frame.contentDocument, root = page.documentElement, view = frame.contentWindow;
    const behind = node => {{
        for (let at = node; at; at = at.parentElement) {{
            const colour = bright(view.getComputedStyle(at).backgroundColor);
            if (colour.solid) return colour.light;
        }}
        return 1;
    }};
    let contrast = 99, palest = '';
    const seen = new Set();
    for (const node of page.body.querySelectorAll('*')) {{
        if (![...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())) continue;
        const style = view.getComputedStyle(node);
        const [a, b] = [bright(style.color).light, behind(node)];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < contrast) [contrast, palest] = [ratio, node.outerHTML.slice(0, 80)];
    }}
    const handlers = [...page.querySelectorAll('*')].flatMap(node => [...node.attributes])
        .filter(a => a.name.startsWith('on') || /^\s*javascript:/i.test(a.value)).map(a => a.name + '=' + a.value);
    // What scrolls by itself may be as wide as it likes.
    const wide = [...page.querySelectorAll('body *')]
        .filter(node => !node.closest('.scroll > *') && node.getBoundingClientRect().right > root.clientWidth + 1)
        .map(node => node.outerHTML.slice(0, 80));
    return {{
        width: root.clientWidth, needs: root.scrollWidth, wide: wide.slice(0, 3), handlers,
        active: page.querySelectorAll('script,iframe,object,embed,form,img,link,base,video,audio').length,
        loaded: view.performance.getEntriesByType('resource').map(entry => entry.name),
        background: view.getComputedStyle(page.body).backgroundColor,
        contrast, palest, text: page.body.innerText,
        heads: [...page.querySelectorAll('table')].filter(table => !table.querySelector('thead th[scope=col]')).length,
        pictures: [...page.querySelectorAll('svg')].filter(svg => !svg.closest('[aria-hidden=true]')
            && !(svg.getAttribute('role') === 'img' && svg.getAttribute('aria-label'))).length,
    }};
}};
(async () => {{
    const all = {{}};
    for (const name of {names}) for (const width of {widths:?}) {{
        const frame = document.createElement('iframe');
        frame.style.cssText = `width:${{width}}px;height:900px;border:0`;
        const loaded = new Promise(done => frame.onload = done);
        frame.src = name;
        document.body.append(frame);
        await loaded;
        all[name + ' ' + width] = look(frame);
        frame.remove();
    }}
    document.body.innerHTML = '<pre id="seen"></pre>';
    document.getElementById('seen').textContent = btoa(unescape(encodeURIComponent(JSON.stringify(all))));
}})();
</script></body></html>"#
    )
}

/// Runs the browser headless on an address, and returns stdout and stderr.
pub(crate) fn browse(program: &Path, is_dark: bool, options: &[String], address: &str) -> (String, String) {
    let home = tempfile::tempdir().unwrap();
    let scheme = format!("--blink-settings=preferredColorScheme={}", u8::from(!is_dark));
    let profile = format!("--user-data-dir={}", home.path().display());
    let done = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"])
        .args(["--hide-scrollbars", "--enable-logging=stderr", "--virtual-time-budget=60000", "--lang=en"])
        // Nothing of the outside can be reached, whatever a page asks for.
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        .args([scheme, profile])
        .args(options)
        .arg(address)
        .output()
        .unwrap();
    (String::from_utf8_lossy(&done.stdout).into_owned(), String::from_utf8_lossy(&done.stderr).into_owned())
}

/// What the browser saw of each page at each width, and what it complained of.
pub(crate) fn looked_at(
    program: &Path,
    is_dark: bool,
    pages: &BTreeMap<String, String>,
) -> (BTreeMap<String, Value>, Vec<String>, Vec<String>) {
    looked_at_widths(program, is_dark, pages, &WIDTHS)
}

/// The same at other widths, in CSS pixels.
pub(crate) fn looked_at_widths(
    program: &Path,
    is_dark: bool,
    pages: &BTreeMap<String, String>,
    widths: &[u32],
) -> (BTreeMap<String, Value>, Vec<String>, Vec<String>) {
    let names: Vec<String> = pages.keys().cloned().collect();
    let mut all = pages.clone();
    all.insert("/look".into(), looker(&names, widths));
    let server = serve(all);
    let (dom, said) = browse(program, is_dark, &["--dump-dom".into()], &format!("{}/look", server.address));
    let seen = dom.split("<pre id=\"seen\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let seen = seen.unwrap_or_else(|| panic!("the browser saw nothing:\n{dom}\n{said}"));
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, seen).unwrap();
    let complaints = said.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    let asked = server.asked.lock().unwrap().clone();
    let strange = asked.into_iter().filter(|path| path != "/look" && !pages.contains_key(path)).collect();
    (serde_json::from_slice(&bytes).unwrap(), complaints, strange)
}

/// What is wrong with what the browser saw of a page.
pub(crate) fn wrong(seen: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let number = |name: &str| seen[name].as_f64().unwrap();
    if number("needs") > number("width") || seen["wide"] != serde_json::json!([]) {
        wrong.push(format!("wider than the window: {} of {}, {}", seen["needs"], seen["width"], seen["wide"]));
    }
    if number("active") > 0.0 || seen["handlers"] != serde_json::json!([]) {
        wrong.push(format!("active: {} {}", seen["active"], seen["handlers"]));
    }
    if seen["loaded"] != serde_json::json!([]) {
        wrong.push(format!("loads {}", seen["loaded"]));
    }
    if number("contrast") < CONTRAST {
        wrong.push(format!("pale: {:.2} at {}", number("contrast"), seen["palest"]));
    }
    if number("heads") > 0.0 || number("pictures") > 0.0 {
        wrong.push(format!("{} tables without heads, {} pictures without words", seen["heads"], seen["pictures"]));
    }
    wrong
}

/// The counts that a page has to show, as people read them.
fn counts(report: &Report) -> Vec<u64> {
    let mut counts = Vec::new();
    for output in &report.outputs {
        counts.extend(
            [output.old.rows, output.new.rows, output.only_old, output.only_new, output.differing_rows]
                .into_iter()
                .flatten(),
        );
        counts.extend(output.differing_cells.values());
        counts.extend(output.within_tolerance.values().map(|within| within.cells));
        counts.extend(output.expected.iter().map(|expected| expected.found));
    }
    counts
}

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    groups.iter().map(|group| std::str::from_utf8(group).unwrap()).collect::<Vec<_>>().join(",")
}

#[test]
fn a_report_looks_right_in_a_browser() {
    let Some(program) = chromium() else { return };
    let mut all = reports();
    all.insert("extreme".into(), extreme());
    let context = ParityContext { gates: vec!["EmrCluster/legacy".into()], ..ParityContext::default() };
    let pages: BTreeMap<String, String> =
        all.iter().map(|(case, report)| (format!("/{case}.html"), html(report, &context))).collect();
    let (light, complaints, strange) = looked_at(&program, false, &pages);
    assert_eq!((complaints, strange), (Vec::new(), Vec::new()));
    let (dark, complaints, strange) = looked_at(&program, true, &pages);
    assert_eq!((complaints, strange), (Vec::new(), Vec::new()));
    assert_eq!(light.len(), pages.len() * WIDTHS.len());
    for (case, report) in &all {
        for width in WIDTHS {
            let name = format!("/{case}.html {width}");
            for seen in [&light[&name], &dark[&name]] {
                assert_eq!(wrong(seen), [""; 0], "{name}");
                assert_eq!(seen["width"], width, "{name}");
                let text = seen["text"].as_str().unwrap();
                for count in counts(report) {
                    assert!(text.contains(&thousands(count)), "{name}: {count} is not shown");
                }
            }
            assert_ne!(light[&name]["background"], dark[&name]["background"], "{name}");
        }
    }
    // Drawn, and not the same in the dark.
    let server = serve(pages);
    let folder = tempfile::tempdir().unwrap();
    let drawn: Vec<Vec<u8>> = [false, true]
        .map(|is_dark| {
            let file = folder.path().join(format!("{is_dark}.png"));
            let options = [format!("--screenshot={}", file.display()), "--window-size=1200,2000".into()];
            browse(&program, is_dark, &options, &format!("{}/differs.html", server.address));
            std::fs::read(file).unwrap()
        })
        .into();
    assert!(drawn.iter().all(|png| png.starts_with(b"\x89PNG") && png.len() > 50_000), "something is drawn");
    assert_ne!(drawn[0], drawn[1]);
}

#[test]
fn a_page_that_is_wrong_is_noticed() {
    let Some(program) = chromium() else { return };
    let page = |body: &str| {
        format!("<!DOCTYPE html><html><head></head><body style=\"margin:0;background:#fff\">{body}</body></html>")
    };
    let pages: BTreeMap<String, String> = [
        ("/wide", "<p style=\"width:1300px\">a</p>"),
        ("/script", "<script>1</script><p>a</p>"),
        ("/handler", "<p onclick=\"1\">a</p>"),
        ("/loads", "<p>a</p><div style=\"background:url(/elsewhere.png);height:1px\"></div>"),
        ("/pale", "<p style=\"color:#999\">a</p>"),
        ("/heads", "<table><tr><td>a</td></tr></table>"),
        ("/picture", "<svg width=\"9\" height=\"9\"></svg>"),
        (
            "/blocked",
            "<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'none'\"><p>a</p><script>1</script>",
        ),
    ]
    .map(|(path, body)| (path.to_owned(), page(body)))
    .into();
    let (seen, complaints, strange) = looked_at(&program, false, &pages);
    assert_eq!(strange, ["/elsewhere.png", "/elsewhere.png"]);
    assert!(complaints.iter().any(|line| line.contains("Content Security Policy")), "{complaints:?}");
    for (path, says) in [
        ("/wide", "wider than the window"),
        ("/script", "active: 1"),
        ("/handler", "active: 0 [\"onclick=1\"]"),
        ("/loads", "loads"),
        ("/pale", "pale"),
        ("/heads", "1 tables without heads"),
        ("/picture", "1 pictures without words"),
        ("/blocked", "active: 1"),
    ] {
        for width in WIDTHS {
            let wrong = wrong(&seen[&format!("{path} {width}")]);
            assert!(wrong.len() == 1 && wrong[0].contains(says), "{path} {width}: {wrong:?}");
        }
    }
}
