use super::*;
use crate::yaml::{Files, Limits, Problems, parse};
use proptest::prelude::*;

fn nodes() -> impl Strategy<Value = Node> {
    let span = || {
        (0..3_u32, 0..5_000_000_usize, 0..400_usize).prop_map(|(file, start, length)| Span {
            file: FileId(file),
            start,
            end: start + length,
        })
    };
    let leaf = prop_oneof![
        Just(Tree::Null),
        any::<bool>().prop_map(Tree::Bool),
        any::<i64>().prop_map(Tree::Int),
        (-1e300..1e300_f64).prop_map(Tree::Float),
        "[a-z${}.é\n]{0,200}".prop_map(Tree::Str),
    ];
    let leaf = (span(), leaf).prop_map(|(span, tree)| Node { span, tree });
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let entries = prop::collection::btree_map("[a-z_.]{0,12}", (span(), inner.clone()), 0..6).prop_map(|entries| {
            Tree::Map(entries.into_iter().map(|(key, (key_span, value))| Entry { key, key_span, value }).collect())
        });
        let tree = prop_oneof![prop::collection::vec(inner, 0..6).prop_map(Tree::Seq), entries];
        (span(), tree).prop_map(|(span, tree)| Node { span, tree })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_packed_comes_out_as_it_was(node in nodes()) {
        let packed = Packed::of(&node);
        prop_assert_eq!(packed.span(), node.span);
        prop_assert_eq!(packed.to_json(), node.to_json());
        prop_assert_eq!(packed.is_null(), node.tree == Tree::Null);
        for entry in node.entries() {
            prop_assert_eq!(packed.text(&entry.key), entry.value.as_str());
        }
        prop_assert_eq!(packed.text("NONE"), None);
        prop_assert_eq!(packed.node(), node);
    }
}

#[test]
fn floats_that_are_no_numbers_keep_their_bits() {
    let tree = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1.5].map(Tree::Float);
    let node = Node { span: NOWHERE, tree: Tree::Seq(tree.map(|tree| Node { span: NOWHERE, tree }).into()) };
    let packed = Packed::of(&node);
    assert_eq!(packed.to_json(), node.to_json());
    assert_eq!(format!("{:?}", packed.node()), format!("{node:?}"));
}

#[test]
fn a_manifest_takes_about_as_many_bytes_as_its_text() {
    let task = "  - task_key: load\n    notebook_task: {notebook_path: /Shared/load, base_parameters: {day: '1'}}\n";
    let text = format!("name: job\ntags: {{team: data}}\ntasks:\n{}", task.repeat(20));
    let mut files = Files::default();
    let file = files.add("a", text.as_str());
    let node = parse(&text, file, &Limits::default(), &mut Problems::default()).remove(0);
    let packed = Packed::of(&node);
    assert!(packed.0.len() < text.len() * 5 / 4, "{} of {}", packed.0.len(), text.len());
    assert!(packed.may_have("notebook_path") && packed.may_have("/Shared/load") && !packed.may_have("${resources."));
}
