use super::*;
use crate::yaml::Files;

fn read(text: &str) -> (Vec<Node>, Vec<Problem>) {
    let mut problems = Problems::default();
    let nodes = parse(text, FileId(0), &Limits::default(), &mut problems);
    (nodes, problems.sorted())
}

fn good(text: &str) -> serde_json::Value {
    let (nodes, problems) = read(text);
    assert_eq!(problems, vec![], "{text}");
    assert_eq!(nodes.len(), 1, "{text}");
    nodes[0].to_json()
}

fn messages(text: &str) -> Vec<String> {
    read(text).1.into_iter().map(|p| p.message).collect()
}

#[test]
fn anchors_and_merges_are_resolved() {
    let value = good("base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo:\n  <<: [{z: 9}, *b]\n  w: *b\n");
    assert_eq!(
        value,
        serde_json::json!({"base": {"x": 1, "y": 2}, "one": {"y": 3, "x": 1},
            "two": {"w": {"x": 1, "y": 2}, "z": 9, "x": 1, "y": 2}})
    );
}

#[test]
fn several_documents_and_empty_ones() {
    assert_eq!(read("# nothing\n").0.len(), 0);
    assert_eq!(read("").0.len(), 0);
    assert_eq!(read("---\n---\na: 1\n---\n# only a comment\n---\nb: 2\n...\n").0.len(), 2);
}

#[test]
fn places_are_bytes_even_after_other_scripts_and_line_ends() {
    let text = "\u{feff}# größe 😀\r\nnäme: \"ü😀\"\r\nlist: [é, zz]\r\nlast: wörd # c\r\n";
    let (nodes, problems) = read(text);
    assert_eq!(problems, vec![]);
    let at = |n: &Node| &text[n.span.start..n.span.end];
    assert_eq!(at(nodes[0].get("näme").unwrap()), "\"ü😀\"");
    assert_eq!(at(&nodes[0].get("list").unwrap().items()[1]), "zz");
    assert_eq!(at(nodes[0].get("last").unwrap()), "wörd");
    let entry = nodes[0].entry("last").unwrap();
    assert_eq!(&text[entry.key_span.start..entry.key_span.end], "last");
    let mut files = Files::default();
    files.add("a.yaml", text);
    assert_eq!(files.position(entry.key_span), (4, 1));
}

#[test]
fn places_are_right_far_into_a_long_line_of_other_scripts() {
    let text = format!("a: \"{}\"\nb: [{}end]\n", "é".repeat(5000), "ü, ".repeat(3000));
    let (nodes, _) = read(&text);
    let last = nodes[0].get("b").unwrap().items().last().unwrap();
    assert_eq!(&text[last.span.start..last.span.end], "end");
}

#[test]
fn every_duplicate_key_is_reported_and_the_first_value_kept() {
    let (nodes, problems) = read("a: 1\nb: 2\na: 3\nc: {x: 1, x: 2}\n");
    assert_eq!(
        problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>(),
        ["duplicate key `a`", "duplicate key `x`"]
    );
    assert_eq!(nodes[0].get("a").unwrap().tree, Tree::Int(1));
    assert_eq!(problems[0].related.as_ref().unwrap().0.start, 0);
}

#[test]
fn a_syntax_error_ends_the_file_but_not_what_came_before() {
    let (nodes, problems) = read("a: 1\n---\nb: [1, 2\n---\nc: 3\n");
    assert_eq!(nodes.len(), 1);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.starts_with("not valid YAML: "), "{problems:?}");
}

#[test]
fn keys_are_their_text_and_tags_are_refused() {
    assert_eq!(good("1.10: x\non: y\n\"<<\": z\n"), serde_json::json!({"1.10": "x", "on": "y", "<<": "z"}));
    assert_eq!(good("a: !!str 12\n"), serde_json::json!({"a": "12"}));
    assert_eq!(messages("a: !Ref b\n"), ["the tag `!Ref` means nothing here"]);
    assert_eq!(messages("? [a, b]\n: 1\nc: 2\n"), ["a key has to be a name"]);
    assert_eq!(messages("a: 99999999999999999999\n"), ["this number is too big to be kept exactly"]);
}

#[test]
fn bombs_end_early() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, last) in ('b'..='j').zip('a'..='i') {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{last}"); 9].join(", ")));
    }
    assert!(messages(&bomb)[0].starts_with("this file holds more than"));
    // One long string, many times over.
    let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(1_000_000), vec!["*a"; 10_000].join(", "));
    assert!(messages(&long)[0].starts_with("this file holds more than"));
    // A chain of aliases, each one level deeper than the last.
    let mut chain = "a0: &a0 [x]\n".to_owned();
    for i in 1..3000 {
        chain.push_str(&format!("a{i}: &a{i} [*a{}]\n", i - 1));
    }
    assert_eq!(messages(&chain), ["nested more than 32 levels deep"]);
    assert!(messages("a: &a [*a]\n")[0].contains("refers to"));
}

#[test]
fn deep_nesting_and_many_keys_end_soon() {
    let started = std::time::Instant::now();
    assert_eq!(messages(&"- ".repeat(100_000)), ["nested more than 32 levels deep"]);
    assert_eq!(messages(&"[".repeat(100_000)).len(), 1);
    assert_eq!(messages(&"{a: ".repeat(100_000)).len(), 1);
    let many: String = (0..100_000).map(|i| format!("k{i}: {i}\n")).collect();
    assert_eq!(read(&many).0[0].entries().len(), 100_000);
    let same = "k: 1\n".repeat(100_000);
    assert_eq!(messages(&same).len(), 100);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 800, failure_persistence: None, ..Default::default() })]

    /// A key's place is where the key stands, whatever scripts, comments and line ends come before it.
    #[test]
    fn keys_stand_where_they_are_said_to(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "a: 1 # é😀\n", "ключ: {б: в, \"ü\": [x, 😀]} # c\r\n", "# \u{2028}\u{85}é\n", "s: |\n  é😀\n\n  x\n", "f: >-\r\n  ü\r\n  v\r\n",
        "q: 'é\n  ü'\n", "d: \"\\u00e9 é\\\n  x\"\n", "\r\n", "\n", "t:\t\u{a0}é\n", "l:\n- é\n- {к: ü}\n", "? é\n: ü\n", "---\n", "n: &é x\n", "m: *é\n",
        "w: é \u{3000} # é # é\n", "e: []   # é\n", "z: \u{feff}x\n",
    ]), 0..20)) {
        let text = pieces.concat();
        let mut problems = Problems::default();
        let nodes = parse(&text, FileId(0), &Limits::default(), &mut problems);
        let mut open: Vec<&Node> = nodes.iter().collect();
        while let Some(node) = open.pop() {
            open.extend(node.items());
            for entry in node.entries() {
                let place = &text[entry.key_span.start..entry.key_span.end];
                proptest::prop_assert_eq!(place.trim_matches('"'), &entry.key);
                open.push(&entry.value);
            }
        }
    }
}
