//! Vaults that were made up are read as they were written: every count, planted word, relation, link and odd file.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

use {
    portreeve_notes::{
        Limits, Root, Vault,
        testing::{Plan, differences},
    },
    std::{fs, path::Path},
};

fn read_as_written(plan: Plan) {
    let home = tempfile::tempdir().unwrap();
    let manifest = plan.write(home.path()).unwrap();
    let vault = Vault::open(
        &Root::at(&home.path().join("notes")).unwrap(),
        Limits::default(),
        &|_| {},
    )
    .unwrap();
    let differences = differences(&vault, &manifest, plan.today);
    assert!(
        differences.is_empty(),
        "seed {}:\n{}",
        plan.seed,
        differences.join("\n")
    );
    let total: usize = manifest.types.values().sum();
    assert!(total >= plan.entities * 9 / 10, "{total} entities of {}", plan.entities);
}

#[test]
fn a_vault_of_600_is_read_as_it_was_written() {
    for seed in [1, 2, 3] {
        read_as_written(Plan {
            seed,
            ..Plan::default()
        });
    }
}

#[test]
fn hostile_files_change_nothing_for_the_others_and_show_nothing_from_outside() {
    for seed in [1, 2, 3] {
        read_as_written(Plan {
            seed,
            hostile: true,
            entities: 150,
            ..Plan::default()
        });
    }
}

#[test]
#[ignore = "needs a minute; `cargo xtask test` runs it"]
fn a_vault_of_10_000_is_read_as_it_was_written() {
    for seed in [1, 2, 3] {
        read_as_written(Plan {
            seed,
            entities: 10_000,
            ..Plan::default()
        });
    }
}

/// Every file, by path.
fn bytes(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((
                    path.strip_prefix(root).unwrap().display().to_string(),
                    fs::read(&path).unwrap(),
                ));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn one_plan_writes_the_same_bytes_and_another_seed_others() {
    let write = |seed| {
        let home = tempfile::tempdir().unwrap();
        let plan = Plan {
            seed,
            entities: 100,
            ..Plan::default()
        };
        plan.write(home.path()).unwrap();
        bytes(home.path())
    };
    assert_eq!(write(5), write(5));
    assert_ne!(write(5), write(6));
}
