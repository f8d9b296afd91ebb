//! How long a vault takes to be read, kept, searched and seen to change, and how much memory: the library alone, without a server.
//!
//! ```sh
//! cargo run --release -p portreeve-notes --example measure -- made 100000 1 /tmp/vault
//! cargo run --release -p portreeve-notes --example measure -- /tmp/vault/notes /tmp/vault/state
//! ```
//!
//! Every step is a process of its own, so that its memory is its own. What is measured as shipped is `cargo xtask bench --only vault`.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement: it reads the clock, prints, and stops at the first surprise"
)]

use {
    portreeve_notes::{Filter, Index, Limits, Query, Root, Vault, Watch, testing::Plan},
    std::{
        env, fs,
        path::Path,
        process::Command,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
            mpsc,
        },
        thread,
        time::{Duration, Instant},
    },
};

/// Steps in their order: each uses what the one before has left in the state folder.
const STEPS: [&str; 6] = ["cold", "kept", "text", "kept-text", "change", "search"];

/// What to search for, unless the command line says: the planted words of [`Plan`], frequent words, and a single letter.
const PHRASES: [&str; 7] = [
    "FLOTSAM-드문말",
    "JETSAM-MIDDLING",
    "LAGAN-FREQUENT",
    "harbour",
    "\"harbour ledger\"",
    "항구 장부",
    "항",
];

/// Searches a second, whether or not those before are answered.
const RATE: u32 = 100;
/// How long each phrase is searched for.
const LENGTH: Duration = Duration::from_secs(5);

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["made", entities, seed, folder] => made(entities.parse().unwrap(), seed.parse().unwrap(), Path::new(folder)),
        ["step", step, root, state, phrases @ ..] => run(step, Path::new(root), Path::new(state), phrases),
        [root, state, phrases @ ..] => {
            fs::create_dir_all(state).unwrap();
            println!("load before: {}", load());
            for step in STEPS {
                let mut command = Command::new(env::current_exe().unwrap());
                let done = command.args(["step", step, root, state]).args(phrases).status();
                assert!(done.unwrap().success(), "{step}");
            }
            println!("load after: {}", load());
        }
        _ => panic!("made ENTITIES SEED FOLDER, or ROOT STATE [PHRASE…]"),
    }
}

fn made(entities: usize, seed: u64, folder: &Path) {
    let plan = Plan {
        entities,
        seed,
        ..Plan::default()
    };
    fs::create_dir_all(folder).unwrap();
    let manifest = plan.write(folder).unwrap();
    println!("{} bytes", manifest.bytes);
}

fn run(step: &str, root: &Path, state: &Path, phrases: &[&str]) {
    let start = Instant::now();
    let vault = || open(root, state, true);
    match step {
        "cold" => {
            let vault = open(root, state, false);
            told(step, "lists and reads", start);
            let sizes = vault.snapshot().notes().iter().map(|note| note.stamp.size).collect();
            sizes_told(sizes);
            let start = Instant::now();
            vault.keep(&state.join("kept")).unwrap();
            told(step, "keeping it", start);
        }
        "kept" => {
            let vault = vault();
            told(step, "lists and reads", start);
            let start = Instant::now();
            let (tell, told_of) = mpsc::channel();
            let watch = Watch::start(Arc::clone(&vault), move |_| tell.send(()).unwrap()).unwrap();
            told(step, "watching", start);
            assert!(told_of.recv_timeout(Duration::from_secs(3)).is_err(), "nothing changed");
            drop(watch);
        }
        "text" | "kept-text" => {
            if step == "text" && state.join("text").exists() {
                fs::remove_dir_all(state.join("text")).unwrap();
            }
            let vault = vault();
            let index = text(&vault, state);
            told(step, "full text, with opening", start);
            let found = index.search(&Query::parse("harbour").unwrap(), &Filter::default(), 0, 20);
            println!("  {} segments' files, {} found", files(state), found.unwrap().total);
        }
        "change" => change(&vault(), root, state),
        "search" => search(&vault(), state, if phrases.is_empty() { &PHRASES } else { phrases }),
        other => panic!("{other}"),
    }
    println!(
        "  memory: {} MB at its peak, {} MB now",
        memory("VmHWM:"),
        memory("VmRSS:")
    );
}

fn open(root: &Path, state: &Path, kept: bool) -> Arc<Vault> {
    let root = Root::at(root).unwrap();
    let vault = if kept {
        Vault::open_kept(&root, Limits::default(), &state.join("kept"), &|_| {})
    } else {
        Vault::open(&root, Limits::default(), &|_| {})
    };
    Arc::new(vault.unwrap())
}

fn text(vault: &Vault, state: &Path) -> Index {
    let index = Index::at(&state.join("text")).unwrap();
    index.follow(vault, &vault.snapshot(), &|_| {}).unwrap();
    index
}

/// How long until a written file is in a snapshot, and in the full text.
fn change(vault: &Arc<Vault>, root: &Path, state: &Path) {
    let index = text(vault, state);
    let (tell, seen) = mpsc::channel();
    let watch = Watch::start(Arc::clone(vault), move |snapshot| {
        tell.send(Arc::clone(snapshot)).unwrap()
    })
    .unwrap();
    // The first look at everything.
    thread::sleep(Duration::from_secs(2));
    let (mut snapshots, mut texts) = (Vec::new(), Vec::new());
    for round in 0..10 {
        let word = format!("changed{round}");
        let start = Instant::now();
        fs::write(root.join("README.md"), format!("# A change\n\n{word}\n")).unwrap();
        let snapshot = seen.recv_timeout(Duration::from_secs(10)).unwrap();
        snapshots.push(start.elapsed());
        index.follow(vault, &snapshot, &|_| {}).unwrap();
        texts.push(start.elapsed());
        let found = index.search(&Query::parse(&word).unwrap(), &Filter::default(), 0, 1);
        assert_eq!(found.unwrap().total, 1);
    }
    drop(watch);
    told_all("change: in a snapshot", snapshots);
    told_all("change: found", texts);
}

/// An open model: each search has its time, and waits when those before it take too long.
fn search(vault: &Arc<Vault>, state: &Path, phrases: &[&str]) {
    let index = text(vault, state);
    let snapshot = vault.snapshot();
    for phrase in phrases {
        let query = Query::parse(phrase).unwrap();
        let one = || {
            let found = index.search(&query, &Filter::default(), 0, 20).unwrap();
            for hit in &found.hits {
                let opened = vault.open_note(snapshot.note(&hit.path).unwrap()).unwrap();
                assert!(query.snippet(&opened.body).is_some() || !opened.body.contains(*phrase));
            }
            found.total
        };
        let total = one();
        let (next, start) = (AtomicU64::new(0), Instant::now());
        let wanted = u64::from(RATE) * LENGTH.as_secs();
        let work = || {
            let mut took = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= wanted {
                    return took;
                }
                let due = start + Duration::from_secs(1) / RATE * u32::try_from(number).unwrap();
                thread::sleep(due.saturating_duration_since(Instant::now()));
                one();
                took.push(due.elapsed());
            }
        };
        let took = thread::scope(|scope| {
            let workers = [
                scope.spawn(work),
                scope.spawn(work),
                scope.spawn(work),
                scope.spawn(work),
            ];
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        told_all(&format!("search for `{phrase}`, {total} found"), took);
    }
}

fn told(step: &str, what: &str, start: Instant) {
    println!("{step}: {what} {:.2} s", start.elapsed().as_secs_f64());
}

fn told_all(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let at = |percent: usize| took[(took.len() * percent).div_ceil(100).max(1) - 1].as_secs_f64() * 1e3;
    println!(
        "{what}: median {:.1} ms, 99 % {:.1} ms, all {:.1} ms",
        at(50),
        at(99),
        at(100)
    );
}

fn sizes_told(mut sizes: Vec<u64>) {
    sizes.sort_unstable();
    let bytes: u64 = sizes.iter().sum();
    let middle = sizes[sizes.len() / 2];
    println!(
        "  {} notes, {:.1} MB, median {middle} bytes",
        sizes.len(),
        bytes as f64 / 1e6
    );
}

fn files(state: &Path) -> usize {
    let folders = fs::read_dir(state.join("text")).unwrap();
    folders
        .map(|folder| fs::read_dir(folder.unwrap().path()).unwrap().count())
        .sum()
}

fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let value = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
    let kibibytes: u64 = value.trim().trim_end_matches(" kB").parse().unwrap();
    kibibytes * 1024 / 1_000_000
}

fn load() -> String {
    fs::read_to_string("/proc/loadavg").unwrap().trim().to_owned()
}
