//! What holds for any bytes, paths and queries: the fuzzer's laws, tried on every build with its seeds, with what becomes of them by
//! chance, and with texts that are made of what means something.

use {
    portreeve_notes::testing::laws,
    proptest::{collection::vec, prelude::*, sample::Index},
    std::{fs, path::Path},
};

/// The files from which the fuzzer starts.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/seeds")
        .join(target);
    let mut seeds: Vec<Vec<u8>> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect();
    seeds.sort();
    assert!(seeds.len() >= 8, "{target} has {} seeds", seeds.len());
    seeds
}

/// What chance does to a text.
#[derive(Debug, Clone)]
enum Change {
    Set(Index, u8),
    Take(Index, usize),
    Double(Index, usize),
    Put(Index, &'static str),
}

fn change() -> impl Strategy<Value = Change> {
    let parts = prop::sample::select(vec![
        "---\n", "...\n", ": ", "- ", "\t", "\r", "\"", "'", "|\n", ">-\n", "{", "}", "[", "]", "&a", "*a", "!x", "#",
        "%", "? ", "<<: ", "\\", "\u{feff}", "\u{0}", "\u{85}", "\u{2028}", "e\u{301}", "가", "[[", "]]", "`", "\n\n",
    ]);
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (any::<Index>(), 1_usize..40).prop_map(|(at, length)| Change::Take(at, length)),
        (any::<Index>(), 1_usize..40).prop_map(|(at, length)| Change::Double(at, length)),
        (any::<Index>(), parts).prop_map(|(at, text)| Change::Put(at, text)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let at = |at: &Index| at.index(bytes.len() + 1);
        match change {
            Change::Set(place, byte) => {
                let at = at(place);
                if let Some(old) = bytes.get_mut(at) {
                    *old = *byte;
                }
            }
            Change::Take(place, length) => {
                let at = at(place);
                bytes.drain(at..(at + length).min(bytes.len()));
            }
            Change::Double(place, length) => {
                let at = at(place);
                let part = bytes[at..(at + length).min(bytes.len())].to_vec();
                bytes.splice(at..at, part);
            }
            Change::Put(place, text) => {
                let at = at(place);
                bytes.splice(at..at, text.bytes());
            }
        }
    }
    bytes
}

#[test]
fn the_seeds_of_the_fuzzer_keep_the_laws() {
    seeds("matter").iter().for_each(|seed| laws::matter(seed));
    let text = |seed: &Vec<u8>| String::from_utf8_lossy(seed).into_owned();
    seeds("path").iter().for_each(|seed| laws::path(&text(seed)));
    for seed in seeds("query") {
        let seed = text(&seed);
        let (query, body) = seed.split_once('\n').unwrap();
        laws::query(query, body);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn what_chance_makes_of_a_note_keeps_the_laws(seed in any::<Index>(), changes in vec(change(), 1..12)) {
        let seeds = seeds("matter");
        laws::matter(&changed(seed.get(&seeds).clone(), &changes));
    }

    #[test]
    fn front_matter_of_any_signs_keeps_the_laws(matter in "[-:?,\\[\\]{}#&*!|>'\"%@`<~\\\\ \t\r\nab07.\u{85}\u{2028}\u{feff}\u{301}가_]{0,80}") {
        laws::matter(format!("---\n{matter}\n---\n{matter}").as_bytes());
        laws::matter(format!("---\nentity_type: Task\nentity_id: {matter}\n---\n").as_bytes());
    }

    #[test]
    fn any_bytes_at_all_keep_the_laws(bytes in vec(any::<u8>(), 0..200)) {
        laws::matter(&bytes);
        laws::path(&String::from_utf8_lossy(&bytes));
        laws::query(&String::from_utf8_lossy(&bytes), "a body");
    }

    #[test]
    fn any_path_keeps_the_laws(path in "[a./\\\\%2eE5cF\u{0}\u{202e}~ \u{301}가-힣]{0,40}") {
        laws::path(&path);
    }

    #[test]
    fn any_query_keeps_the_laws(query in "[ab\"' \\-*?~^:()\u{301}가나漢]{0,40}", body in "[ab\"' \\-\n\t\u{301}\u{7}가나漢]{0,300}") {
        laws::query(&query, &body);
    }
}
