//! Searches at a steady pace for one planted word after another, while notes change and somebody asks for the server's health.

use {
    super::Served,
    crate::{
        Effort, load, pace,
        process::Server,
        result::{Measurement, Target},
    },
    std::{
        fs, thread,
        time::{Duration, Instant},
    },
};

/// Searches a second.
const SEARCHES: u32 = 100;
/// Questions for the server's health, a second.
const HEALTH: u32 = 50;
/// How long a note that was changed is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at a note that was changed.
const LOOKS: Duration = Duration::from_millis(10);

/// What came of one word.
struct Busy {
    search: pace::Pace,
    health: pace::Pace,
    /// Milliseconds until a note that was changed could be read, and found by its new word.
    changes: Vec<(f64, f64)>,
}

pub(super) fn measure(effort: Effort, served: &Served, server: &Server, result: &mut Measurement) {
    let length = Duration::from_secs(effort.pick(10, 1));
    let health = load::get("/healthz");
    let idle = pace::run(server.address, &health, HEALTH, length).within(99);
    let mut all = Vec::new();
    for (number, term) in served.manifest.terms.keys().enumerate() {
        let search = served.search(term);
        load::ask(server.address, &search);
        let busy = thread::scope(|scope| {
            let search = scope.spawn(|| pace::run(server.address, &search, SEARCHES, length));
            let health = scope.spawn(|| pace::run(server.address, &health, HEALTH, length));
            let mut changes = Vec::new();
            while !search.is_finished() {
                changes.push(change(served, server, number, changes.len()));
                thread::sleep(Duration::from_millis(500));
            }
            Busy {
                search: search.join().unwrap(),
                health: health.join().unwrap(),
                changes,
            }
        });
        result.tell(format!("search for {term}: median"), busy.search.within(50), "ms");
        result.tell(format!("search for {term}: 99 %"), busy.search.within(99), "ms");
        all.push((term, busy));
    }
    let worst = |of: &dyn Fn(&Busy) -> f64| all.iter().map(|(_, busy)| of(busy)).fold(0.0, f64::max);
    let (slowest, busy) = all
        .iter()
        .max_by(|(_, one), (_, other)| one.search.within(99).total_cmp(&other.search.within(99)))
        .unwrap();
    result.with(format!(
        "{SEARCHES} searches a second, answered or not, of each planted word for {length:?}; the slowest is {slowest}, in {} notes; \
         meanwhile a note is changed about twice a second, and {HEALTH} times a second /healthz is asked",
        served.manifest.terms[*slowest].len()
    ));
    let told = busy.search.within(99);
    result.hold("search, 99 % of the slowest word", told, "ms", Target::AtMost(25.0));
    let longest = |of: &dyn Fn(&(f64, f64)) -> f64| worst(&|busy| busy.changes.iter().map(of).fold(0.0, f64::max));
    result.hold(
        "a changed note is read, longest",
        longest(&|change| change.0),
        "ms",
        Target::AtMost(1000.0),
    );
    result.hold(
        "a changed note is found, longest",
        longest(&|change| change.1),
        "ms",
        Target::AtMost(1000.0),
    );
    let health = worst(&|busy| busy.health.within(99));
    result.hold("/healthz meanwhile, 99 %", health, "ms", Target::AtMost(5.0));
    result.hold(
        "/healthz meanwhile, of what it takes otherwise",
        health / idle,
        "×",
        Target::AtMost(2.0),
    );
    result.tell("/healthz otherwise, 99 %", idle, "ms");
}

fn change(served: &Served, server: &Server, number: usize, round: usize) -> (f64, f64) {
    const PATH: &str = "10_Study/reading.md";
    let word = format!("changed{number}x{round}");
    let read = served.get(&format!("/vault/api/v1/notes?path={PATH}&body=true"));
    let search = served.search(&word);
    let start = Instant::now();
    fs::write(
        served.notes().join(PATH),
        format!("---\ntitle: Reading\n---\nWhat {word}.\n"),
    )
    .unwrap();
    let until = |request: &[u8]| {
        while !load::ask(server.address, request).body.contains(&word) {
            assert!(start.elapsed() < PATIENCE, "{word} was never seen");
            thread::sleep(LOOKS);
        }
        start.elapsed().as_secs_f64() * 1e3
    };
    (until(&read), until(&search))
}
