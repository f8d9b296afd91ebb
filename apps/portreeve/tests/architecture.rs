//! The arrows of the house go down: apps → services → shared → domain. This test reads every manifest and fails on an
//! arrow that goes up or sideways, on an outside crate in `domain` beyond a named handful, and on anything that reaches
//! into the private `exec/` or the AGPL `localchain/`. What proves and measures (`prove/*`, `bench`) stands above all of
//! them and is never shipped.
//!
//! Each finding says what to do about it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The floors, lowest first. A crate may use crates of lower floors.
const FLOORS: [&str; 5] = ["domain", "shared", "services", "apps", "prove"];

/// The house that tests live in. It is the one thing of `prove` that tests of a lower floor may use.
const HOUSE: &str = "prove/house";

/// Within `domain`, `shared` and `prove` a crate may use those of a lower rank. A new crate gets a line here, and with it a
/// decision about what it may know.
const RANKS: [(&str, u8); 16] = [
    ("domain/kernel", 0),
    ("domain/policy", 1),
    ("domain/oauth", 1),
    ("domain/chain", 1),
    ("domain/ledger", 2),
    ("domain/signing", 3),
    ("domain/payment", 3),
    ("shared/store", 0),
    ("shared/guard", 1),
    ("shared/outbound", 0),
    ("shared/notes", 0),
    ("shared/jobs", 1),
    ("shared/pages", 2),
    ("services/*", 0),
    ("prove/house", 0),
    ("prove/*", 1),
];

/// What `domain` may use from outside: encodings, errors, hashes, signatures, civil time. Nothing that does I/O, waits,
/// reads a clock or draws chance.
const DOMAIN_HANDFUL: [&str; 16] = [
    "argon2",
    "base64",
    "bs58",
    "chacha20poly1305",
    "curve25519-dalek",
    "ed25519-dalek",
    "form_urlencoded",
    "hmac",
    "jiff",
    "p256",
    "serde",
    "serde_json",
    "sha2",
    "subtle",
    "thiserror",
    "zeroize",
];

/// Features that only tests turn on. (With `conformance` on, `portreeve` does not compile without debug assertions.)
const FOR_TESTS: [&str; 2] = ["conformance", "testing"];

/// Workspaces of their own that no public crate may reach into.
const OUT_OF_REACH: [&str; 2] = ["exec", "localchain"];

/// One manifest, as far as the rules care.
struct Package {
    /// `domain/kernel`
    folder: String,
    name: String,
    /// Names as crates.io would know them; also those of tests and build scripts.
    uses: Vec<Use>,
}

struct Use {
    name: String,
    /// False for what only tests need.
    shipped: bool,
}

impl Package {
    fn read(folder: &str, manifest: &str) -> Self {
        let manifest: toml::Table = manifest.parse().unwrap_or_else(|error| panic!("{folder}: {error}"));
        let mut uses = Vec::new();
        collect_uses(&manifest, &mut uses);
        if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
            targets
                .values()
                .filter_map(toml::Value::as_table)
                .for_each(|target| collect_uses(target, &mut uses));
        }
        Self {
            folder: folder.to_owned(),
            name: manifest["package"]["name"].as_str().unwrap().to_owned(),
            uses,
        }
    }

    fn floor(&self) -> Option<usize> {
        FLOORS
            .iter()
            .position(|floor| self.folder.starts_with(&format!("{floor}/")))
    }

    fn rank(&self) -> Option<u8> {
        let rank_of = |key: &str| RANKS.iter().find(|(folder, _)| *folder == key).map(|(_, rank)| *rank);
        let (floor, _) = self.folder.split_once('/')?;
        rank_of(&self.folder).or_else(|| rank_of(&format!("{floor}/*")))
    }
}

fn collect_uses(table: &toml::Table, uses: &mut Vec<Use>) {
    for (kind, shipped) in [
        ("dependencies", true),
        ("build-dependencies", true),
        ("dev-dependencies", false),
    ] {
        let Some(list) = table.get(kind).and_then(toml::Value::as_table) else {
            continue;
        };
        uses.extend(list.iter().map(|(key, value)| {
            Use {
                name: value
                    .get("package")
                    .and_then(toml::Value::as_str)
                    .unwrap_or(key)
                    .to_owned(),
                shipped,
            }
        }));
    }
}

/// Every breach of the rules, in words that say what to do.
fn breaches(packages: &[Package]) -> Vec<String> {
    let by_name: BTreeMap<&str, &Package> = packages
        .iter()
        .map(|package| (package.name.as_str(), package))
        .collect();
    let mut found = Vec::new();
    for package in packages {
        found.extend(misnamed(package));
        for used in &package.uses {
            // A crate's own tests may ask it for a feature.
            if used.name == package.name && !used.shipped {
                continue;
            }
            let breach = match by_name.get(used.name.as_str()) {
                Some(ours) if ours.folder == HOUSE && package.folder.starts_with("apps/") && !used.shipped => None,
                Some(ours) => arrow(package, ours),
                None => outside(package, used),
            };
            found.extend(breach);
        }
    }
    found
}

fn misnamed(package: &Package) -> Option<String> {
    let folder = package.folder.rsplit('/').next().unwrap();
    let expected = match package.folder.as_str() {
        "apps/portreeve" => "portreeve".to_owned(),
        // `domain/chain` and `services/vault` have the names; these prove them.
        "prove/chain" | "prove/vault" => format!("portreeve-{folder}-proof"),
        _ => format!("portreeve-{folder}"),
    };
    (package.name != expected).then(|| {
        format!(
            "{}: the package is called `{}`; call it `{expected}`",
            package.folder, package.name
        )
    })
}

fn arrow(from: &Package, to: &Package) -> Option<String> {
    let down = match (from.floor(), to.floor()) {
        (Some(from_floor), Some(to_floor)) if from_floor != to_floor => from_floor > to_floor,
        (Some(_), Some(_)) => match (from.rank(), to.rank()) {
            (Some(from_rank), Some(to_rank)) => from_rank > to_rank,
            _ => false,
        },
        // The chores write pages from what the domain says, and know nothing else of the house.
        (None, Some(0)) => from.folder == "xtask" || from.folder == "bench",
        // What measures the product may use all of it, as what proves it may.
        (None, Some(_)) => from.folder == "bench",
        _ => false,
    };
    (!down).then(|| {
        format!(
            "{} must not use {}: arrows go apps → services → shared → domain, and between crates of one floor only \
             as RANKS says. Move what both need to a lower floor; let services meet in a port of domain/kernel, wired \
             in apps/portreeve",
            from.folder, to.folder
        )
    })
}

fn outside(package: &Package, used: &Use) -> Option<String> {
    if used.name == "portreeve" || used.name.starts_with("portreeve-") {
        return Some(format!(
            "{} uses `{}`, which is no crate of this workspace: exec/ and localchain/ are programs of their own, \
             reached by URL",
            package.folder, used.name
        ));
    }
    let pure = DOMAIN_HANDFUL.contains(&used.name.as_str());
    (package.folder.starts_with("domain/") && used.shipped && !pure).then(|| {
        format!(
            "{} uses `{}`: domain is pure and uses a named handful of crates. Move the code that needs it up to \
             shared/, or, if the crate does no I/O and knows no clock, add it to DOMAIN_HANDFUL and say why",
            package.folder, used.name
        )
    })
}

/// Path dependencies, patches and members may name anything; none may name what is out of reach.
fn reaches(folder: &str, manifest: &str) -> Vec<String> {
    let table: toml::Table = manifest.parse().unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut paths = Vec::new();
    collect_paths(&toml::Value::Table(table), &mut paths);
    paths
        .iter()
        .filter(|path| path.split('/').any(|part| OUT_OF_REACH.contains(&part)))
        .map(|path| {
            format!("{folder} points to `{path}`: the public tree must build when exec/ and localchain/ are absent")
        })
        .collect()
}

fn collect_paths(value: &toml::Value, paths: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => table.iter().for_each(|(key, inner)| match (key.as_str(), inner) {
            ("path", toml::Value::String(path)) => paths.push(path.clone()),
            ("members" | "default-members", toml::Value::Array(members)) => {
                paths.extend(members.iter().filter_map(toml::Value::as_str).map(str::to_owned));
            }
            _ => collect_paths(inner, paths),
        }),
        toml::Value::Array(items) => items.iter().for_each(|item| collect_paths(item, paths)),
        _ => {}
    }
}

/// Features for tests that are on for everybody: by default, or because a dependency that is shipped asks for them.
fn ships_what_is_for_tests(folder: &str, manifest: &str) -> Vec<String> {
    let table: toml::Table = manifest.parse().unwrap_or_else(|error| panic!("{folder}: {error}"));
    let is_for_tests = |feature: &str| FOR_TESTS.iter().any(|known| feature.rsplit('/').next() == Some(known));
    let named = |list: &toml::Value| -> Vec<String> {
        let list = list.as_array().into_iter().flatten();
        list.filter_map(toml::Value::as_str).map(str::to_owned).collect()
    };
    let features = table.get("features").and_then(toml::Value::as_table);
    // A default may turn on features that turn on others.
    let mut on = vec!["default".to_owned()];
    let mut at = 0;
    while let Some(feature) = on.get(at).cloned() {
        at += 1;
        let more = features.and_then(|features| features.get(&feature)).map(named);
        on.extend(
            more.into_iter()
                .flatten()
                .filter(|more| !on.contains(more))
                .collect::<Vec<_>>(),
        );
    }
    let mut shipped: Vec<&toml::Table> = ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|kind| table.get(*kind)?.as_table())
        .collect();
    let workspace = table
        .get("workspace")
        .and_then(|workspace| workspace.get("dependencies"));
    shipped.extend(workspace.and_then(toml::Value::as_table));
    let asked = shipped.iter().flat_map(|list| list.values());
    on.extend(asked.filter_map(|used| used.get("features")).flat_map(named));
    on.iter()
        .filter(|feature| is_for_tests(feature))
        .map(|feature| format!("{folder} turns `{feature}` on for everybody: only tests may, by name"))
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// Folder and manifest of every package of the workspace.
fn manifests() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for floor in FLOORS {
        let mut folders: Vec<_> = fs::read_dir(root().join(floor)).unwrap().flatten().collect();
        folders.sort_by_key(fs::DirEntry::file_name);
        for folder in folders {
            if let Ok(text) = fs::read_to_string(folder.path().join("Cargo.toml")) {
                found.push((format!("{floor}/{}", folder.file_name().to_str().unwrap()), text));
            }
        }
    }
    for folder in ["xtask", "bench"] {
        if let Ok(text) = fs::read_to_string(root().join(folder).join("Cargo.toml")) {
            found.push((folder.to_owned(), text));
        }
    }
    found
}

#[test]
fn arrows_go_down() {
    let packages: Vec<Package> = manifests()
        .iter()
        .map(|(folder, text)| Package::read(folder, text))
        .collect();
    assert!(packages.len() >= 13, "the walk misses crates: {}", packages.len());
    let found = breaches(&packages);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn nothing_public_reaches_into_exec_or_localchain() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut all = manifests();
    all.push(("Cargo.toml".to_owned(), workspace));
    let found: Vec<String> = all.iter().flat_map(|(folder, text)| reaches(folder, text)).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn what_is_for_tests_is_never_on_by_itself() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut all = manifests();
    all.push(("Cargo.toml".to_owned(), workspace));
    let found: Vec<String> = all
        .iter()
        .filter(|(folder, _)| !folder.starts_with("prove/") && folder != "bench")
        .flat_map(|(folder, text)| ships_what_is_for_tests(folder, text))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    let ours = &all.iter().find(|(folder, _)| folder == "apps/portreeve").unwrap().1;
    assert!(ours.contains("\nconformance = ["), "the feature has another name now");
}

/// The rules themselves, tried on houses that break them.
mod rules {
    use super::*;

    fn house(packages: &[(&str, &str, &[&str])]) -> Vec<String> {
        let packages: Vec<Package> = packages
            .iter()
            .map(|(folder, name, uses)| {
                let uses: String = uses.iter().map(|used| format!("{used}.workspace = true\n")).collect();
                Package::read(folder, &format!("[package]\nname = \"{name}\"\n[dependencies]\n{uses}"))
            })
            .collect();
        breaches(&packages)
    }

    const KERNEL: (&str, &str, &[&str]) = ("domain/kernel", "portreeve-kernel", &["serde"]);

    #[test]
    fn a_downward_arrow_is_fine() {
        let store = ("shared/store", "portreeve-store", &["portreeve-kernel", "sqlx"][..]);
        let jobs = ("shared/jobs", "portreeve-jobs", &["portreeve-store"][..]);
        assert_eq!(house(&[KERNEL, store, jobs]), Vec::<String>::new());
    }

    #[test]
    fn an_upward_arrow_is_a_breach_even_for_tests() {
        let kernel = Package::read(
            "domain/kernel",
            "[package]\nname = \"portreeve-kernel\"\n[dev-dependencies]\nportreeve-store.workspace = true\n",
        );
        let store = Package::read("shared/store", "[package]\nname = \"portreeve-store\"\n");
        let found = breaches(&[kernel, store]);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("domain/kernel must not use shared/store"),
            "{found:?}"
        );
    }

    #[test]
    fn tests_may_live_in_the_house_that_proves_and_nothing_else_may() {
        let tests = "[package]\nname = \"portreeve\"\n[dev-dependencies]\nportreeve-house.workspace = true\n";
        let ships = "[package]\nname = \"portreeve\"\n[dependencies]\nportreeve-house.workspace = true\n";
        let house = || Package::read("prove/house", "[package]\nname = \"portreeve-house\"\n");
        assert!(breaches(&[Package::read("apps/portreeve", tests), house()]).is_empty());
        assert_eq!(breaches(&[Package::read("apps/portreeve", ships), house()]).len(), 1);
        assert_eq!(
            breaches(&[
                Package::read("services/auth", &tests.replace("portreeve\"", "portreeve-auth\"")),
                house()
            ])
            .len(),
            1
        );
    }

    #[test]
    fn a_crate_may_ask_itself_for_a_feature_in_its_tests() {
        let own = "[package]\nname = \"portreeve-store\"\n[dev-dependencies]\nportreeve-store.workspace = true\n";
        assert!(breaches(&[Package::read("shared/store", own)]).is_empty());
    }

    #[test]
    fn services_never_use_one_another_nor_apps_apps() {
        let auth = ("services/auth", "portreeve-auth", &["portreeve-wallet"][..]);
        let wallet = ("services/wallet", "portreeve-wallet", &[][..]);
        assert_eq!(house(&[auth, wallet]).len(), 1);
        let main = ("apps/portreeve", "portreeve", &["portreeve-signer"][..]);
        let signer = ("apps/signer", "portreeve-signer", &[][..]);
        assert_eq!(house(&[main, signer]).len(), 1);
    }

    #[test]
    fn within_domain_the_order_holds() {
        let policy = ("domain/policy", "portreeve-policy", &["portreeve-ledger"][..]);
        let ledger = ("domain/ledger", "portreeve-ledger", &[][..]);
        assert_eq!(
            house(&[policy, ledger]).len(),
            1,
            "the ledger may know policies, not the reverse"
        );
        let unranked = ("domain/new", "portreeve-new", &["portreeve-kernel"][..]);
        assert_eq!(
            house(&[KERNEL, unranked]).len(),
            1,
            "a new crate has to be given a rank"
        );
    }

    #[test]
    fn an_outside_crate_in_domain_is_a_breach_but_for_tests() {
        assert_eq!(house(&[("domain/kernel", "portreeve-kernel", &["tokio"])]).len(), 1);
        let target = "[package]\nname = \"portreeve-kernel\"\n[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n";
        assert_eq!(breaches(&[Package::read("domain/kernel", target)]).len(), 1);
        let test = "[package]\nname = \"portreeve-kernel\"\n[dev-dependencies]\nproptest = \"1\"\n";
        assert_eq!(breaches(&[Package::read("domain/kernel", test)]).len(), 0);
    }

    #[test]
    fn a_renamed_dependency_is_seen_through() {
        let renamed = "[package]\nname = \"portreeve-auth\"\n[dependencies]\nw = { package = \"portreeve-wallet\" }\n";
        let wallet = "[package]\nname = \"portreeve-wallet\"\n";
        let house = [
            Package::read("services/auth", renamed),
            Package::read("services/wallet", wallet),
        ];
        assert_eq!(breaches(&house).len(), 1);
    }

    #[test]
    fn a_feature_for_tests_is_a_breach_where_nobody_has_to_name_it() {
        for (manifest, breaches) in [
            ("[features]\nconformance = []\n", 0),
            ("[features]\ndefault = [\"conformance\"]\nconformance = []\n", 1),
            (
                "[features]\ndefault = [\"all\"]\nall = [\"portreeve-guard/conformance\"]\n",
                1,
            ),
            (
                "[dependencies]\nx = { workspace = true, features = [\"testing\"] }\n",
                1,
            ),
            (
                "[workspace.dependencies]\nx = { version = \"1\", features = [\"conformance\"] }\n",
                1,
            ),
            (
                "[dev-dependencies]\nx = { workspace = true, features = [\"testing\"] }\n",
                0,
            ),
        ] {
            assert_eq!(ships_what_is_for_tests("x", manifest).len(), breaches, "{manifest}");
        }
    }

    #[test]
    fn a_package_is_named_after_its_folder() {
        let found = house(&[("shared/store", "portreeve-db", &[])]);
        assert_eq!(
            found,
            ["shared/store: the package is called `portreeve-db`; call it `portreeve-store`"]
        );
        assert!(house(&[("apps/portreeve", "portreeve", &[])]).is_empty());
    }

    #[test]
    fn what_is_out_of_reach_is_found_in_paths_patches_and_members() {
        for manifest in [
            "[dependencies]\nx = { path = \"../../exec/one\" }",
            "[patch.crates-io]\nx = { path = \"localchain/shims/x\" }",
            "[workspace]\nmembers = [\"exec/*\"]",
        ] {
            assert_eq!(reaches("here", manifest).len(), 1, "{manifest}");
        }
        assert!(
            reaches(
                "here",
                "[workspace]\nexclude = [\"exec\"]\n[dependencies]\nx.path = \"executor\""
            )
            .is_empty()
        );
        assert_eq!(
            house(&[("apps/portreeve", "portreeve", &["portreeve-localchain"])]).len(),
            1
        );
    }
}
