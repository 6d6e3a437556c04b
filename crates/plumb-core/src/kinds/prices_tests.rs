#![allow(clippy::unwrap_used)]

use super::*;
use plumb_model::yaml::{Files, Limits, Problems, parse};

const WHOLE: &str = include_str!("../../../../tests/cost/project/manifests/prices.yaml");

/// `LINE: message (label)` of every mistake of a spec.
fn told(manifest: &str) -> Vec<String> {
    let mut files = Files::default();
    let file = files.add("prices.yaml".to_owned(), manifest.to_owned());
    let (mut problems, mut notes) = (Problems::default(), Vec::new());
    let documents = parse(manifest, file, &Limits::default(), &mut problems);
    (&PriceBook as &dyn Kind).read(documents[0].get("spec").unwrap(), &mut problems, &mut notes);
    let line = |p: &plumb_model::yaml::Problem| p.span.map_or(0, |span| files.position(span).0);
    problems.sorted().iter().map(|p| format!("{}: {} ({})", line(p), p.message, p.label)).collect()
}

fn with(from: &str, to: &str) -> Vec<String> {
    assert_eq!(WHOLE.matches(from).count(), 1, "{from}");
    told(&WHOLE.replace(from, to))
}

#[test]
fn a_whole_book_is_read_as_it_is_written() {
    assert_eq!(told(WHOLE), Vec::<String>::new());
    let spec: Value = serde_yaml::from_str(WHOLE).unwrap();
    let book: PriceBookSpec = serde_json::from_value(spec["spec"].clone()).unwrap();
    let xlarge = &book.nodes[0];
    assert_eq!((xlarge.node_type.as_str(), xlarge.ec2_on_demand), ("m5.xlarge", Some("0.23".parse().unwrap())));
    let spot = xlarge.ec2_spot.unwrap().0;
    assert_eq!((spot.low.to_string(), spot.high.to_string()), ("0.07".to_owned(), "0.09".to_owned()));
    let again: PriceBookSpec = serde_json::from_value(serde_json::to_value(&book).unwrap()).unwrap();
    assert_eq!(again, book);
}

#[test]
fn what_no_book_can_say_is_a_mistake_at_its_place() {
    assert_eq!(with("  currency: USD\n", ""), ["5: missing field `currency` (`currency` is required here)"]);
    assert_eq!(with("currency: USD", "currency: dollars"), ["6: `dollars` is no currency (expected one like `USD`)"]);
    assert_eq!(with("emr: 0.0575", "emr: -0.0575"), ["20: -0.0575 is below 0 (a price is 0 or more)"]);
    assert_eq!(with("[0.07, 0.09]", "[-0.07, 0.09]"), ["20: -0.07 is below 0 (a price is 0 or more)"]);
    let swapped = with("[0.07, 0.09]", "[0.09, 0.07]");
    assert_eq!(swapped, ["20: the least, 0.09, is more than the most, 0.07 (expected `[LEAST, MOST]`)"]);
    assert_eq!(with("jobsServerless", "jobsServerles").len(), 1, "an unknown SKU");
    assert_eq!(with("type: m5.2xlarge", "type: m5.xlarge"), ["21: `m5.xlarge` has two prices (the second one)"]);
    assert_eq!(
        with("asOf: 2026-11-01", "asOf: 2026-13-01"),
        ["7: `2026-13-01` is no day (expected one like `2026-11-01`)"]
    );
    let source = with("dbuPhoton: 2.001, src: aws, dbuSrc: table", "dbuPhoton: 2.001, src: aws, dbuSrc: tabel");
    assert_eq!(source, ["20: there is no source `tabel` (no `id` under `sources` is this)"]);
    assert_eq!(with("discountPercent: 0", "discountPercent: 101").len(), 1);
}
