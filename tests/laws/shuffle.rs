//! Changing the order of what has none: keyed lists, documents, files, and what a service lists.

use crate::fixtures;
use crate::world::Files;
use plumb_core::kinds;
use plumb_model::call::{Answer, Call, Sending, Service, ServiceError};
use plumb_model::schema::{Field, Rules, Shape};
use serde_json::Value;
use std::sync::Arc;

/// A small generator of numbers that look random and are the same in every run.
pub struct Dice(u64);

impl Dice {
    /// Starts from a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }

    /// Mixes a list.
    pub fn mix<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}

/// The same manifests with every keyed list mixed, the documents mixed, and spread over other files.
pub fn files(files: &Files, seed: u64) -> Files {
    let mut dice = Dice::new(seed);
    let mut documents: Vec<Value> = files.values().flat_map(|text| fixtures::documents(text)).collect();
    for document in &mut documents {
        if let Some(kind) = document["kind"].as_str().and_then(kinds::find) {
            let rules = kind.rules();
            lists(rules, &rules.root, &mut document["spec"], &mut dice);
        }
    }
    dice.mix(&mut documents);
    let names = ["z.yaml", "a/b/c.yml", "a/a.yaml", "m.yaml"];
    let mut mixed = vec![Vec::new(); names.len()];
    for document in documents {
        mixed[dice.below(names.len())].push(document);
    }
    names.iter().zip(mixed).map(|(name, documents)| ((*name).to_owned(), fixtures::yaml(&documents))).collect()
}

/// Mixes every list below a place whose order means nothing.
pub fn lists(rules: &Rules, field: &Field, value: &mut Value, dice: &mut Dice) {
    match (&field.shape, value) {
        (Shape::Object(object), Value::Object(map)) => {
            for (key, member) in &rules.of(*object).members {
                if let Some(value) = map.get_mut(key) {
                    lists(rules, member, value, dice);
                }
            }
        }
        (Shape::Map(entry), Value::Object(map)) => map.values_mut().for_each(|v| lists(rules, entry, v, dice)),
        (Shape::List(item), Value::Array(items)) => {
            items.iter_mut().for_each(|v| lists(rules, item, v, dice));
            if field.rule.key.is_some() || field.rule.set {
                dice.mix(items);
            }
        }
        _ => {}
    }
}

/// A service that lists in another order, and returns objects with their lists in another order.
pub struct Shuffled {
    inner: Arc<dyn Service>,
    seed: u64,
}

impl Shuffled {
    /// Wraps a service.
    pub fn new(inner: Arc<dyn Service>, seed: u64) -> Shuffled {
        Shuffled { inner, seed }
    }
}

impl Service for Shuffled {
    fn send<'a>(&'a self, call: &'a Call) -> Sending<'a> {
        Box::pin(async move {
            let mut answer: Result<Answer, ServiceError> = self.inner.send(call).await;
            if let Ok(answer) = &mut answer {
                mix_answer(&mut answer.body, &mut Dice::new(self.seed));
            }
            answer
        })
    }
}

fn mix_answer(body: &mut Value, dice: &mut Dice) {
    let listings = [
        ("jobs", "DatabricksJob", "settings"),
        ("clusters", "DatabricksCluster", ""),
        ("policies", "DatabricksClusterPolicy", ""),
        ("instance_pools", "DatabricksInstancePool", ""),
        ("warehouses", "DatabricksSqlWarehouse", ""),
        ("connections", "AirflowConnection", ""),
        ("variables", "AirflowVariable", ""),
        ("pools", "AirflowPool", ""),
        ("dags", "AirflowDag", ""),
    ];
    for (list, kind, member) in listings {
        let Some(items) = body.get_mut(list).and_then(Value::as_array_mut) else { continue };
        let rules = kinds::find(kind).unwrap().rules();
        for item in items.iter_mut() {
            let spec = if member.is_empty() { item } else { &mut item[member] };
            lists(rules, &rules.root, spec, dice);
        }
        dice.mix(items);
    }
    for list in ["access_control_list", "library_statuses", "files", "import_errors"] {
        if let Some(items) = body.get_mut(list).and_then(Value::as_array_mut) {
            dice.mix(items);
        }
    }
}
