//! `plumb parity setup`, with the real pip: what it installs, and what it says where it cannot.

use crate::duckdb_support::{cache, program};
use crate::world::{Ran, World};

/// A world with Python, whose pip looks into a folder of the test's own and nowhere else.
fn world() -> World {
    let mut world = World::new();
    let path = std::env::var("PATH").unwrap();
    let wheels = world.dir().join("wheels");
    std::fs::create_dir_all(&wheels).unwrap();
    world.env("PATH", Some(&path));
    world.env("PIP_NO_INDEX", Some("1"));
    world.env("PIP_FIND_LINKS", Some(wheels.to_str().unwrap()));
    world
}

fn refused(world: &World) -> Ran {
    let ran = world.plumb("parity setup").code(1);
    let left = std::fs::read_dir(world.home().join(".cache/plumb/duckdb")).map_or(0, |entries| entries.count());
    assert_eq!(left, 0, "nothing is left behind");
    ran
}

#[test]
fn it_is_installed_once_and_found_again() {
    let program = program();
    let mut world = world();
    world.env("PLUMB_CACHE", Some(cache().to_str().unwrap()));
    let ran = world.plumb("parity setup").code(0);
    assert_eq!(ran.out, format!("{}\n", program.path.display()));
    assert!(ran.err.contains("duckdb 1.5.5 is installed already"), "{}", ran.err);
    assert!(program.delta.as_ref().is_some_and(|path| path.is_file()));
    world.env("PLUMB_DUCKDB", Some("/elsewhere/duckdb"));
    world.plumb("parity setup").code(0).says("PLUMB_DUCKDB names /elsewhere/duckdb, which is used in place");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(program.path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn without_an_index_that_has_it_nothing_is_installed() {
    let mut world = world();
    refused(&world).says("pip finds no duckdb 1.5.5 for this machine").says("PLUMB_DUCKDB");
    // A wheel of that name and version, with another content.
    let tag = "py3-none-any";
    let script = format!(
        "import zipfile\n\
         z = zipfile.ZipFile('wheels/duckdb_cli-1.5.5-{tag}.whl', 'w')\n\
         z.writestr('duckdb_cli/duckdb', '#!/bin/sh')\n\
         z.writestr('duckdb_cli-1.5.5.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: duckdb-cli\\nVersion: 1.5.5\\n')\n\
         z.writestr('duckdb_cli-1.5.5.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: {tag}\\n')\n\
         z.writestr('duckdb_cli-1.5.5.dist-info/RECORD', '')\n\
         z.close()\n"
    );
    let made = std::process::Command::new("python3").args(["-c", &script]).current_dir(world.dir()).status().unwrap();
    assert!(made.success());
    refused(&world).says("pip brought another file than the one that plumb knows by its hash; nothing was installed");
    world.env("PATH", Some("/nowhere"));
    refused(&world).says("Python is missing, whose pip brings it: install Python 3");
}
