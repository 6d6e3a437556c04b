//! Taking what is live into the manifests: whatever somebody made of an object, afterwards the manifest says it, or it is
//! told why not.

use crate::fixtures::{self, Fixture};
use crate::plans::neighbours;
use crate::world;
use plumb_core::kinds;
use plumb_core::plan::{Baseline, Baselines, ChangeOrigin};
use plumb_core::writeback::{self, Texts};
use plumb_model::address::Address;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_live_is_written_or_told() {
    let kinds = kinds::objects().iter().map(|kind| fixtures::of(*kind));
    // Once around, not back again: reading the manifests anew for every edit takes its time.
    let pairs: Vec<(Fixture, Fixture)> = kinds.flat_map(|fixtures| neighbours(&fixtures)).step_by(2).collect();
    world::each(pairs.into_iter().map(|(manifest, live)| {
        let what = format!("{} as {}", manifest.name(), live.case);
        (what.clone(), taken_in(manifest, live, what))
    }))
    .await;
    // A law that nothing came under would hold as well.
    let (written, kept) = (WRITTEN.load(Ordering::Relaxed), KEPT.load(Ordering::Relaxed));
    assert!(written > 100 && kept * 4 < written, "{written} fields were written, {kept} were left");
}

static WRITTEN: AtomicUsize = AtomicUsize::new(0);
static KEPT: AtomicUsize = AtomicUsize::new(0);

/// The object is made from one fixture and looks like another: all the differences are drift.
async fn taken_in(manifest: Fixture, other: Fixture, what: String) {
    let world = manifest.world().await;
    world.settle(&world::load(&other.renamed("same")), &what).await;
    let files = manifest.renamed("same");
    let desired = world::load(&files);
    let resources = desired.resources.iter();
    let bases: Baselines = resources.map(|r| (r.address.clone(), Baseline::Spec(r.spec.to_value()))).collect();
    let (live, _) = world.plan(&desired).await;
    let texts: Texts =
        files.iter().map(|(path, text)| (format!("manifests/{path}"), text.clone().into_bytes())).collect();
    let decide = |texts: &Texts| {
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
        let name = |path: &String| path.strip_prefix("manifests/").unwrap().to_owned();
        let files = texts.iter().map(|(path, bytes)| (name(path), text(bytes))).collect();
        let desired = world::try_load(&files)?;
        let decision = world::decision_by(&desired, &live, &bases);
        Ok((desired, decision))
    };
    let before = decide(&texts).unwrap().1.plan;
    let written = writeback::write(&texts, &BTreeMap::new(), &decide).unwrap();
    WRITTEN.fetch_add(written.fields.values().sum(), Ordering::Relaxed);
    KEPT.fetch_add(written.kept.len(), Ordering::Relaxed);
    let mut after = texts.clone();
    after.extend(written.texts.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())));
    let plan = decide(&after).unwrap_or_else(|e| panic!("{what}: {e}\n{:?}", written.texts)).1.plan;
    let told: BTreeSet<(&Address, &str)> = written.kept.iter().map(|k| (&k.address, k.path.as_str())).collect();
    let foreign: BTreeSet<(&Address, &str)> = before
        .changes
        .iter()
        .flat_map(|c| {
            c.fields.iter().filter(|f| f.origin != Some(ChangeOrigin::Drift)).map(|f| (&c.address, f.path.as_str()))
        })
        .collect();
    for change in &plan.changes {
        for field in change.fields.iter().filter(|f| f.note.is_none()) {
            let place = (&change.address, field.path.as_str());
            let known = told.contains(&place) || foreign.contains(&place);
            assert!(known, "{what}: {} is still different and nobody was told\n{}", field.path, world::text(&plan));
        }
    }
    let drifted = before.changes.iter().any(|c| c.fields.iter().any(|f| f.origin == Some(ChangeOrigin::Drift)));
    assert!(!drifted || !written.texts.is_empty() || !written.kept.is_empty(), "{what}: nothing came of it");
}
