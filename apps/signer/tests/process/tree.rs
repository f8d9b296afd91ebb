//! The signer's dependencies, counted: each is code that runs beside the keys.

use std::{collections::BTreeSet, env, process::Command};

/// DESIGN's bound.
const MOST: usize = 170;

#[test]
fn the_dependency_tree_stays_small() {
    let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let done = Command::new(cargo)
        .args([
            "tree",
            "--offline",
            "--package",
            "portreeve-signer",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .args(["--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let text = String::from_utf8(done.stdout).unwrap();
    let packages: BTreeSet<&str> = text
        .lines()
        .map(|line| line.trim_end_matches(" (*)"))
        .filter(|line| !line.is_empty())
        .collect();
    println!("the signer depends on {} crates", packages.len());
    assert!(packages.len() > 20, "{packages:?}");
    assert!(packages.len() <= MOST, "{} crates: {packages:#?}", packages.len());
    for unwanted in ["tokio ", "hyper ", "reqwest ", "openssl ", "sqlx ", "rustls "] {
        assert!(
            !packages.iter().any(|package| package.starts_with(unwanted)),
            "{unwanted}"
        );
    }
}
