//! Texts before and after, and a property: whatever is set is read back, and nothing else has changed.

use super::*;
use crate::yaml::{FileId, Limits, Problems, parse};
use proptest::prelude::*;
use serde_json::json;

fn path(text: &str) -> Vec<Step> {
    text.split('.').map(|s| s.parse().map_or_else(|_| Step::Key(s.to_owned()), Step::Index)).collect()
}

fn read(text: &str) -> Value {
    let mut problems = Problems::default();
    let documents = parse(text, FileId(0), &Limits::default(), &mut problems);
    assert!(problems.is_empty(), "{text}\n{:?}", problems.sorted());
    documents.first().map_or(Value::Null, |d| d.to_json())
}

const TEXT: &str = "\
# The job.
spec:
  name: nightly   # as people call it
  timeout_seconds: 60

  tags: {team: data, cost: '7'}  # flow
  tasks:
    # the first
    - task_key: a
      retries: 1
    - retries: 2   # second

      task_key: b
  text: |
    one
    two
  empty: {}
  nothing:
# the end
";

/// What becomes of the lines of [`TEXT`]: those that went and those that came.
fn lines(after: &str) -> String {
    let diff = similar::TextDiff::from_lines(TEXT, after);
    let changed = diff.iter_all_changes().filter(|c| c.tag() != similar::ChangeTag::Equal);
    changed.map(|c| format!("{}{}", c.tag(), c.value())).collect()
}

fn sets(at: &str, value: Value) -> String {
    let after = set(TEXT, 0, &path(at), &value).unwrap();
    lines(&after)
}

#[test]
fn values_change_and_what_is_around_them_stays() {
    assert_eq!(sets("spec.timeout_seconds", json!(600)), "-  timeout_seconds: 60\n+  timeout_seconds: 600\n");
    assert_eq!(
        sets("spec.name", json!("a: b")),
        "-  name: nightly   # as people call it\n+  name: \"a: b\"   # as people call it\n"
    );
    assert_eq!(
        sets("spec.tags.team", json!("web")),
        "-  tags: {team: data, cost: '7'}  # flow\n+  tags: {team: web, cost: '7'}  # flow\n"
    );
    assert_eq!(sets("spec.tasks.1.retries", json!(3)), "-    - retries: 2   # second\n+    - retries: 3   # second\n");
    assert_eq!(sets("spec.text", json!("x")), "-  text: |\n-    one\n-    two\n+  text: x\n");
    assert_eq!(
        sets("spec.timeout_seconds", json!({"a": [1]})),
        "-  timeout_seconds: 60\n+  timeout_seconds:\n+    a:\n+      - 1\n"
    );
}

#[test]
fn what_is_missing_is_written_behind_its_neighbours() {
    assert_eq!(
        sets("spec.tags.new", json!(true)).lines().last().unwrap(),
        "+  tags: {team: data, cost: '7', new: true}  # flow"
    );
    assert_eq!(sets("spec.tasks.0.max.deep", json!("on")), "+      max:\n+        deep: \"on\"\n");
    assert_eq!(
        sets("spec.tasks.2", json!({"task_key": "c", "x": [1]})),
        "+    - task_key: c\n+      x:\n+        - 1\n"
    );
    assert_eq!(sets("spec.empty.a", json!(1)), "-  empty: {}\n+  empty:\n+    a: 1\n");
    assert_eq!(sets("spec.nothing", json!(1)), "-  nothing:\n+  nothing: 1\n");
    assert_eq!(sets("spec.more", json!(1)), "+  more: 1\n");
}

#[test]
fn what_goes_takes_its_line_along() {
    let cuts = |at: &str| lines(&remove(TEXT, 0, &path(at)).unwrap());
    assert_eq!(cuts("spec.timeout_seconds"), "-  timeout_seconds: 60\n");
    assert_eq!(cuts("spec.tags.team").lines().last().unwrap(), "+  tags: {cost: '7'}  # flow");
    assert_eq!(cuts("spec.tags.cost").lines().last().unwrap(), "+  tags: {team: data}  # flow");
    assert_eq!(
        read(&remove(TEXT, 0, &path("spec.tasks.1.retries")).unwrap())["spec"]["tasks"][1],
        json!({"task_key": "b"})
    );
    assert_eq!(cuts("spec.tasks.0"), "-    - task_key: a\n-      retries: 1\n");
    assert_eq!(cuts("spec.text"), "-  text: |\n-    one\n-    two\n");
    let one = remove("a:\n  b: 1\nc: 2\n", 0, &path("a.b")).unwrap();
    assert_eq!(one, "a: {}\nc: 2\n");
    assert_eq!(remove("a:\n  - 1\nc: 2\n", 0, &path("a.0")).unwrap(), "a: []\nc: 2\n");
    let flat = "a:\n- x: 1\n  y: 2\n- x: 3\nb: 1\n";
    assert_eq!(remove(flat, 0, &path("a.0")).unwrap(), "a:\n- x: 3\nb: 1\n");
    assert_eq!(set(flat, 0, &path("a.2"), &json!({"x": 5})).unwrap(), "a:\n- x: 1\n  y: 2\n- x: 3\n- x: 5\nb: 1\n");
    assert_eq!(remove("a:\n- 1\nc: 2\n", 0, &path("a.0")).unwrap(), "a: []\nc: 2\n");
    assert_eq!(remove("a: 1\r\nb: 2\r\n", 0, &path("b")).unwrap(), "a: 1\r\n");
}

#[test]
fn what_is_shared_is_not_touched() {
    for text in ["a: &x {b: 1}\nc: *x\n", "a: {b: &y 1}\n", "a: !!map {b: 1}\n", "z: &z {b: 1}\na:\n  <<: *z\n  d: 1\n"]
    {
        assert!(set(text, 0, &path("a.b"), &json!(2)).is_err(), "{text}");
    }
    assert!(set("a: 1\n", 1, &path("a"), &json!(2)).is_err());
    assert!(set("a: [\n", 0, &path("a"), &json!(2)).is_err());
    assert!(remove("a: 1\n", 0, &path("b")).is_err());
}

#[test]
fn line_ends_stay_what_they_are() {
    let dos = TEXT.replace('\n', "\r\n");
    let deep = json!({"a": [1, {"b": "c", "d": [2]}], "e": {"f": true}});
    for place in [
        "spec.timeout_seconds",
        "spec.new",
        "spec.tags.new",
        "spec.tasks.0",
        "spec.tasks.2",
        "spec.tasks.0.max.deep",
        "spec.empty.a",
        "spec.nothing",
        "spec.text",
        "spec.tasks",
    ] {
        let after = set(&dos, 0, &path(place), &deep).unwrap();
        assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{place}: {after:?}");
        // And it says the same as with the other line ends.
        let unix = set(TEXT, 0, &path(place), &deep).unwrap();
        assert_eq!(after.replace("\r\n", "\n"), unix, "{place}");
        assert!(!unix.contains('\r'), "{place}");
    }
    for place in ["spec.timeout_seconds", "spec.tasks.0", "spec.tasks.1.retries", "spec.text", "spec.nothing"] {
        let after = remove(&dos, 0, &path(place)).unwrap();
        assert_eq!(after.replace("\r\n", "\n"), remove(TEXT, 0, &path(place)).unwrap(), "{place}");
        assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{place}: {after:?}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[a-z]{1,8}",
        "[ -~]{0,12}",
        Just("é: # \n\t".to_owned()),
        Just("007".to_owned()),
        Just("true".to_owned()),
        Just("- x".to_owned()),
        Just("\u{85}\u{feff}\u{1F600}".to_owned()),
    ];
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::btree_map("[a-c.: ]{1,3}", inner, 0..3)
                .prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_set_is_read_back_and_nothing_else_changes(
        place in prop::sample::select(vec![
            "spec.name", "spec.tags", "spec.tags.team", "spec.tags.new", "spec.tasks", "spec.tasks.0", "spec.tasks.1.retries",
            "spec.tasks.2", "spec.text", "spec.empty", "spec.empty.a", "spec.nothing", "spec.new", "spec.tasks.1.task_key",
        ]),
        value in value(),
    ) {
        let steps = path(place);
        let after = set(TEXT, 0, &steps, &value).unwrap();
        let mut want = read(TEXT);
        let mut here = &mut want;
        for step in &steps {
            here = match step {
                Step::Key(key) => {
                    if here.is_null() { *here = json!({}); }
                    &mut here[key.as_str()]
                }
                Step::Index(index) => {
                    let list = here.as_array_mut().unwrap();
                    while list.len() <= *index { list.push(Value::Null); }
                    &mut list[*index]
                }
            };
        }
        *here = value;
        prop_assert_eq!(read(&after), want, "{}", after);
        for comment in ["# The job.", "# as people call it", "# the end"] {
            prop_assert!(after.contains(comment), "{}", after);
        }
    }
}

#[test]
fn a_comment_behind_a_quoted_value_stays() {
    let text = "a:\n  b: 'SPOT' # quoted\nc:\n  # nothing yet\n";
    let after = set(text, 0, &path("a.b"), &json!("X")).unwrap();
    assert_eq!(after, "a:\n  b: X # quoted\nc:\n  # nothing yet\n");
    let after = set(&after, 0, &path("a.d"), &json!(1)).unwrap();
    assert_eq!(after, "a:\n  b: X # quoted\n  d: 1\nc:\n  # nothing yet\n");
    for (written, left) in
        [("'it''s # no'", "# yes 'it'"), ("\"a \\\" # no\"", "# \"yes\""), ("'two\n      lines'", "# yes")]
    {
        let text = format!("a:\n  - b: {written} {left}\n  - c\n");
        assert_eq!(
            set(&text, 0, &path("a.0.b"), &json!("X")).unwrap().trim_end(),
            format!("a:\n  - b: X {left}\n  - c"),
            "{text}"
        );
    }
}
