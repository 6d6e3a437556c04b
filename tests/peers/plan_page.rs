//! The page of a plan in a real browser, on a phone and on a screen, light and dark: nothing is wider than the window, pale,
//! active or loaded; and what Mermaid and Graphviz, where they are installed, say of the graph.

use crate::golden_plans::{self, HOSTILE};
use crate::page_plans::{NOW, many, rich};
use crate::pages::{browse, chromium, looked_at_widths, serve, wrong};
use crate::plan_world::World;
use plumb_core::manifest::Desired;
use plumb_core::plan::Plan;
use plumb_core::render::graph;
use plumb_core::render::page::{PageInput, page};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// The widths of a phone and of a screen, in CSS pixels.
const WIDTHS: [u32; 2] = [320, 1400];

fn shown((desired, plan): &(Desired, Plan)) -> String {
    page(&PageInput { plan, desired, now: NOW.parse().unwrap() })
}

/// One page of each sort: everything, a thousand changes, nothing, and every plan that is rendered elsewhere.
fn pages() -> BTreeMap<String, String> {
    let mut pages =
        BTreeMap::from([("/rich.html".to_owned(), shown(&rich())), ("/many.html".to_owned(), shown(&many(1_000)))]);
    for (case, plan) in golden_plans::all() {
        pages.insert(format!("/{case}.html"), shown(&(World::of("").desired(), plan)));
    }
    pages
}

#[test]
fn a_plan_looks_right_in_a_browser() {
    let Some(program) = chromium() else { return };
    let pages = pages();
    assert!(pages["/many.html"].len() < 2_000_000, "{}", pages["/many.html"].len());
    let mut backgrounds = Vec::new();
    for is_dark in [false, true] {
        let (all, complaints, strange) = looked_at_widths(&program, is_dark, &pages, &WIDTHS);
        assert_eq!((complaints, strange), (Vec::new(), Vec::new()));
        assert_eq!(all.len(), pages.len() * WIDTHS.len());
        for (name, seen) in &all {
            assert_eq!(wrong(seen), [""; 0], "{name}");
        }
        for width in WIDTHS {
            let text = all[&format!("/rich.html {width}")]["text"].as_str().unwrap();
            for part in
                ["r6id.2xlarge", "Ann Ames", "Wave/1 of 2026-04-02", "paused until Wave/1 is cut over", "Europe/London"]
            {
                assert!(text.contains(part), "{width}: {part} in {text}");
            }
            let text = all[&format!("/hostile.html {width}")]["text"].as_str().unwrap();
            assert!(text.contains("pwned") && text.contains("<img src=x>"), "{text}");
        }
        backgrounds.push(all["/rich.html 320"]["background"].clone());
    }
    assert_ne!(backgrounds[0], backgrounds[1]);
    assert!(HOSTILE.contains("<img"));
}

#[test]
fn a_picture_of_a_plan_is_drawn_at_every_width_in_light_and_dark() {
    let Some(program) = chromium() else { return };
    let mut pages = BTreeMap::from([("/rich.html".to_owned(), shown(&rich()))]);
    for width in WIDTHS {
        // A window is never as narrow as a phone; a frame is.
        let frame = format!(
            "<!DOCTYPE html><html style=\"color-scheme:light dark\"><head><link rel=\"icon\" href=\"data:,\"></head>\
             <body style=\"margin:0\"><iframe src=\"/rich.html\" style=\"border:0;width:{width}px;height:6000px\"></iframe></body></html>"
        );
        pages.insert(format!("/{width}"), frame);
    }
    let server = serve(pages);
    let folder = tempfile::tempdir().unwrap();
    let mut drawn: Vec<Vec<u8>> = Vec::new();
    for width in WIDTHS {
        for is_dark in [false, true] {
            let file = folder.path().join(format!("{width}-{is_dark}.png"));
            let options = [format!("--screenshot={}", file.display()), format!("--window-size={width},6000")];
            browse(&program, is_dark, &options, &format!("{}/{width}", server.address));
            drawn.push(std::fs::read(file).unwrap());
        }
    }
    assert!(drawn.iter().all(|png| png.starts_with(b"\x89PNG") && png.len() > 100_000), "something is drawn");
    for (at, one) in drawn.iter().enumerate() {
        assert!(drawn.iter().skip(at + 1).all(|other| other != one), "each picture is another");
    }
    let asked: Vec<String> =
        server.asked.lock().unwrap().iter().filter(|path| *path != "/rich.html").cloned().collect();
    assert!(asked.iter().all(|path| ["/320", "/1400"].contains(&path.as_str())), "{asked:?}");
}

/// Graphviz reads what is written; without it the test is skipped, and says so.
#[test]
fn graphviz_reads_a_graph() {
    let graph = graph::whole(&rich().0);
    let child = Command::new("dot").arg("-Tplain").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let Ok(mut child) = child else {
        let _ = writeln!(std::io::stderr(), "skipped: no Graphviz on the PATH");
        return;
    };
    child.stdin.take().unwrap().write_all(graph::dot(&graph).as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success());
    assert_eq!(text.lines().filter(|line| line.starts_with("node ")).count(), graph.nodes.len());
    assert_eq!(text.lines().filter(|line| line.starts_with("edge ")).count(), graph.edges.len());
}
