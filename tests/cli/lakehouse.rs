//! The example project of what jobs stand on: made, left alone, drifted from, healed, and all of it removed in the right order.

use crate::world::World;
use std::path::{Path, PathBuf};

const PASSWORD: &str = "a-long-password-of-the-crm";

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// The example in a repository of its own, on the emulator that it brings.
struct Lakehouse {
    world: World,
    dir: PathBuf,
}

impl Lakehouse {
    fn new() -> Lakehouse {
        let mut world = World::new();
        world.env("CRM_PASSWORD", Some(PASSWORD));
        let dir = world.home().join("lakehouse");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/examples/lakehouse"), &dir);
        let lakehouse = Lakehouse { world, dir };
        lakehouse.world.git_in(&lakehouse.dir, &["init", "--quiet", "--initial-branch", "main"]);
        lakehouse.commit("Begin");
        lakehouse
    }

    fn commit(&self, message: &str) {
        self.world.git_in(&self.dir, &["add", "--all"]);
        self.world.git_in(&self.dir, &["commit", "--quiet", "--message", message]);
    }

    fn plumb(&self, arguments: &str) -> crate::world::Ran {
        let ran = self.world.plumb_in(&self.dir, &arguments.split_whitespace().collect::<Vec<_>>());
        assert!(!ran.out.contains(PASSWORD) && !ran.err.contains(PASSWORD), "the password is shown: {}", ran.shown);
        ran
    }
}

/// The places of lines in a text, which have to come in this order.
fn in_order(text: &str, lines: &[&str]) {
    let places: Vec<usize> =
        lines.iter().map(|line| text.find(line).unwrap_or_else(|| panic!("no `{line}` in:\n{text}"))).collect();
    assert!(places.is_sorted(), "not in the order {lines:?}:\n{text}");
}

#[test]
fn the_example_is_made_and_removed_in_the_right_order() {
    let lakehouse = Lakehouse::new();
    let plan = lakehouse.plumb("plan").code(0).says("7 to create").says("landing: \"/Volumes/main/sales/landing\"");
    assert!(!plan.out.contains("${"), "a reference is left:\n{}", plan.out);
    let made = lakehouse.plumb("apply --yes").code(0);
    in_order(
        &made.err,
        &["created DatabricksSchema/sales", "created DatabricksVolume/landing", "created DatabricksPipeline/refine"],
    );
    in_order(&made.err, &["created DatabricksPipeline/refine", "created DatabricksJob/load"]);
    in_order(&made.err, &["created DatabricksSecretScope/crm", "created DatabricksJob/load"]);
    in_order(&made.err, &["created DatabricksSqlWarehouse/reports", "created DatabricksJob/report"]);
    lakehouse.plumb("plan").code(0).says("No changes").says("7 resources up to date");
    lakehouse.plumb("drift").code(0);

    // The last manifests of their kinds go: git knows that they were there.
    std::fs::remove_dir_all(lakehouse.dir.join("manifests")).unwrap();
    std::fs::create_dir(lakehouse.dir.join("manifests")).unwrap();
    std::fs::write(lakehouse.dir.join("manifests/none.yaml"), "# nothing\n").unwrap();
    lakehouse.commit("Leave");
    lakehouse.plumb("plan").code(3).says("7 to delete").says("it is empty once what it holds is deleted");
    let gone = lakehouse.plumb("apply --yes --override max-deletes").code(0);
    in_order(
        &gone.err,
        &[
            "deleted DatabricksJob/load",
            "deleted DatabricksPipeline/refine",
            "deleted DatabricksVolume/landing",
            "deleted DatabricksSchema/sales",
        ],
    );
    in_order(&gone.err, &["deleted DatabricksJob/load", "deleted DatabricksSecretScope/crm"]);
    in_order(&gone.err, &["deleted DatabricksJob/report", "deleted DatabricksSqlWarehouse/reports"]);
    lakehouse.plumb("plan").code(0).says("No changes");
}
