//! What is found, in which order, and that the index follows the vault.

use {
    super::*,
    crate::{
        finding::FindingCode,
        testing::{OUTSIDE, Plan},
        vault::tests::{House, task},
        {Limits, Root, Text},
    },
};

fn quiet(_: Progress) {}

fn house() -> House {
    House::with(&[
        (
            "p/harbour.md",
            "# Harbour\n\nThe gate of the town. 항구의 성문은 닫혔다.\n",
        ),
        (
            "p/q/gate.md",
            &task("tsk-1", "entity_name: Gate - open\nstatus: todo\ntags: [wall, 탑]\n"),
        ),
        ("town.md", "The harbour gate, and the gate once more: gate.\n"),
        ("other.md", "Nothing of it. ÉCOLE\n"),
    ])
}

fn index(house: &House) -> Index {
    let index = Index::in_memory().unwrap();
    index.follow(&house.vault, &house.vault.snapshot(), &quiet).unwrap();
    index
}

fn find_with(index: &Index, query: &str, filter: &Filter) -> Vec<String> {
    let found = index.search(&Query::parse(query).unwrap(), filter, 0, 100).unwrap();
    assert_eq!(found.total, found.hits.len());
    assert!(
        found.hits.windows(2).all(|pair| pair[0].score >= pair[1].score),
        "the best first"
    );
    found.hits.into_iter().map(|hit| hit.path.to_string()).collect()
}

fn find(index: &Index, query: &str) -> Vec<String> {
    find_with(index, query, &Filter::default())
}

#[test]
fn names_come_before_texts_and_more_before_less() {
    let index = index(&house());
    assert_eq!(find(&index, "gate"), ["p/q/gate.md", "town.md", "p/harbour.md"]);
    assert_eq!(find(&index, "HARBOUR"), ["p/harbour.md", "town.md"]);
    assert_eq!(find(&index, "tsk-1"), ["p/q/gate.md"]);
    assert_eq!(find(&index, "e\u{301}cole"), ["other.md"]);
    assert!(find(&index, "nowhere").is_empty());
}

#[test]
fn every_word_has_to_be_there_and_joined_ones_together() {
    let index = index(&house());
    assert_eq!(find(&index, "harbour gate").len(), 2);
    assert_eq!(find(&index, "harbour-gate"), ["town.md"]);
    assert_eq!(find(&index, "\"gate of the town\""), ["p/harbour.md"]);
    assert!(find(&index, "harbour nowhere").is_empty());
}

#[test]
fn korean_is_found_within_longer_words() {
    let index = index(&house());
    for query in ["항구", "구의", "성문은", "문은", "구", "성문 항구"] {
        assert_eq!(find(&index, query), ["p/harbour.md"], "{query}");
    }
    assert!(find(&index, "항문").is_empty());
}

#[test]
fn filters_leave_out_what_they_do_not_name() {
    let index = index(&house());
    let only = |filter: Filter| find_with(&index, "gate", &filter);
    let text = |text: &str| Some(Text::from(text));
    assert_eq!(
        only(Filter {
            kind: text("Task"),
            ..Filter::default()
        }),
        ["p/q/gate.md"]
    );
    assert_eq!(
        only(Filter {
            status: text("todo"),
            ..Filter::default()
        }),
        ["p/q/gate.md"]
    );
    assert!(
        only(Filter {
            status: text("done"),
            ..Filter::default()
        })
        .is_empty()
    );
    assert_eq!(
        only(Filter {
            tag: text("탑"),
            ..Filter::default()
        }),
        ["p/q/gate.md"]
    );
    assert_eq!(
        only(Filter {
            folder: text("p"),
            ..Filter::default()
        }),
        ["p/q/gate.md", "p/harbour.md"]
    );
    assert_eq!(
        only(Filter {
            folder: text("p/q"),
            kind: text("Task"),
            ..Filter::default()
        }),
        ["p/q/gate.md"]
    );
    assert!(
        only(Filter {
            folder: text("p/"),
            ..Filter::default()
        })
        .is_empty()
    );
}

#[test]
fn pages_are_stretches_of_one_order() {
    let index = index(&house());
    let query = Query::parse("gate").unwrap();
    let all = index.search(&query, &Filter::default(), 0, 10).unwrap();
    let paged: Vec<_> = (0..4)
        .flat_map(|from| index.search(&query, &Filter::default(), from, 1).unwrap().hits)
        .collect();
    assert_eq!(paged, all.hits);
    let none = index.search(&query, &Filter::default(), 0, 0).unwrap();
    assert_eq!((none.total, none.hits.len()), (3, 0));
}

#[test]
fn the_index_follows_changes_and_only_reads_what_changed() {
    let house = house();
    let index = index(&house);
    house.put("town.md", "A lighthouse.\n");
    house.put("new.md", "A lighthouse and a gate.\n");
    let read = std::sync::atomic::AtomicUsize::new(0);
    let count = |progress: Progress| read.store(progress.done, std::sync::atomic::Ordering::Relaxed);
    index.follow(&house.vault, &house.vault.snapshot(), &count).unwrap();
    assert_eq!(read.into_inner(), 2);
    assert_eq!(find(&index, "lighthouse").len(), 2);
    assert_eq!(find(&index, "gate"), ["p/q/gate.md", "new.md", "p/harbour.md"]);
    house.remove("new.md");
    index.follow(&house.vault, &house.vault.snapshot(), &quiet).unwrap();
    assert_eq!(find(&index, "lighthouse"), ["town.md"]);
}

#[test]
fn an_index_on_the_disk_is_there_after_a_restart_and_a_broken_one_is_made_anew() {
    let (house, place) = (house(), tempfile::tempdir().unwrap());
    let open = |expected: usize| {
        let index = Index::at(place.path()).unwrap();
        let read = std::sync::atomic::AtomicUsize::new(0);
        let count = |progress: Progress| read.store(progress.done, std::sync::atomic::Ordering::Relaxed);
        index.follow(&house.vault, &house.vault.snapshot(), &count).unwrap();
        assert_eq!(read.into_inner(), expected, "notes that were read");
        assert_eq!(find(&index, "gate").len(), 3);
    };
    open(4);
    open(0);
    std::fs::write(place.path().join(FORMAT).join("meta.json"), "{").unwrap();
    open(4);
    let files = std::fs::read_dir(place.path().join(FORMAT)).unwrap();
    let stores = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "store"));
    for store in stores {
        let mut bytes = std::fs::read(&store).unwrap();
        bytes[..20].fill(0xff);
        std::fs::write(&store, bytes).unwrap();
    }
    open(4);
}

#[test]
fn planted_words_are_found_in_their_files_and_in_no_others() {
    for seed in [1, 2, 3] {
        let home = tempfile::tempdir().unwrap();
        let plan = Plan {
            seed,
            hostile: seed == 3,
            ..Plan::default()
        };
        let manifest = plan.write(home.path()).unwrap();
        let vault = Vault::open(
            &Root::at(&home.path().join("notes")).unwrap(),
            Limits::default(),
            &quiet,
        )
        .unwrap();
        let index = Index::in_memory().unwrap();
        index.follow(&vault, &vault.snapshot(), &quiet).unwrap();
        for (term, files) in &manifest.terms {
            let found = index
                .search(&Query::parse(term).unwrap(), &Filter::default(), 0, 10_000)
                .unwrap();
            let paths: std::collections::BTreeSet<_> = found.hits.iter().map(|hit| hit.path.to_string()).collect();
            assert_eq!((&paths, found.total), (files, files.len()), "{term}");
        }
        assert_eq!(
            index
                .search(&Query::parse(OUTSIDE).unwrap(), &Filter::default(), 0, 1)
                .unwrap()
                .total,
            0
        );
        assert!(
            vault
                .snapshot()
                .findings()
                .any(|finding| finding.code == FindingCode::Undecodable)
        );
    }
}

#[test]
fn what_becomes_private_is_not_found_any_more_though_its_files_stay_as_they_are() {
    let home = tempfile::tempdir().unwrap();
    let schema = home.path().join(crate::schema::SCHEMA);
    std::fs::create_dir_all(schema.parent().unwrap()).unwrap();
    std::fs::write(&schema, "schema_version: 1\n").unwrap();
    std::fs::write(home.path().join("a.md"), task("tsk-1", "entity_name: Lapislazuli\n")).unwrap();
    let root = Root::at(home.path()).unwrap();
    let vault = crate::Vault::open(&root, Limits::keeping_private(), &quiet).unwrap();
    let kept = tempfile::tempdir().unwrap();
    let index = Index::at(kept.path()).unwrap();
    index.follow(&vault, &vault.snapshot(), &quiet).unwrap();
    assert_eq!(find(&index, "lapislazuli"), ["a.md"]);
    std::fs::write(&schema, "private_fields: {Task: [entity_name]}\n").unwrap();
    let now = vault.look_again(&quiet).unwrap();
    assert!(!index.keeps_the_rules_of(&now));
    index.follow(&vault, &now, &quiet).unwrap();
    assert!(index.keeps_the_rules_of(&now));
    assert!(find(&index, "lapislazuli").is_empty());
    assert_eq!(find(&index, "body"), ["a.md"]);
    drop(index);
    let again = Index::at(kept.path()).unwrap();
    assert!(again.keeps_the_rules_of(&now), "also after a restart");
}
