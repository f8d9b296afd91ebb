//! The facts.

use {
    crate::support::{House, KIND, Running, T, Worker, ended},
    portreeve_jobs::{LEASE, Next, Pace, Runner, enqueue, enqueue_all},
    portreeve_kernel::Seconds,
    portreeve_store::{Sql, StoreError, Tx, testing::TestDatabase},
    std::{
        collections::BTreeMap,
        sync::{Arc, Mutex},
        time::Duration,
    },
};

fn failed() -> Next {
    Next::Failed {
        reason: "no luck".to_owned(),
    }
}

pub(crate) async fn a_job_is_done_once_and_then_gone(place: &TestDatabase) {
    let house = House::open(place).await;
    let (worker, mut watch) = Worker::saying([]);
    let running = house.start("a", &worker);
    house.ask("x", T).await;
    assert_eq!(watch.next().await, "x");
    house.empty().await;
    house.look().await;
    running.stop().await;
    assert!(watch.is_quiet());
}

pub(crate) async fn a_job_without_its_act_does_not_exist(place: &TestDatabase) {
    let house = House::open(place).await;
    let undone = async |tx: &mut Tx| {
        enqueue(tx, KIND, "x", T).await?;
        Err::<(), _>(StoreError::Missing)
    };
    assert!(house.database.write(undone).await.is_err());
    assert!(house.left().await.is_empty());
}

pub(crate) async fn a_job_asked_for_twice_is_one_job_at_the_earlier_time(place: &TestDatabase) {
    let house = House::open(place).await;
    for run_at in [T.plus(Seconds(20)), T.plus(Seconds(10)), T.plus(Seconds(30))] {
        house.ask("x", run_at).await;
    }
    assert_eq!(house.left().await.len(), 1);
    let (worker, mut watch) = Worker::saying([]);
    let running = house.start("a", &worker);
    house.pass(10).await;
    assert_eq!(watch.next().await, "x");
    house.empty().await;
    running.stop().await;
    assert!(watch.is_quiet());
}

pub(crate) async fn a_job_runs_when_its_time_has_come_and_not_before(place: &TestDatabase) {
    let house = House::open(place).await;
    let (worker, mut watch) = Worker::saying([]);
    let running = house.start("a", &worker);
    house.ask("late", T.plus(Seconds(5))).await;
    house.pass(4).await;
    house.ask("now", T).await;
    assert_eq!(watch.next().await, "now");
    assert!(watch.is_quiet());
    house.pass(1).await;
    assert_eq!(watch.next().await, "late");
    running.stop().await;
}

pub(crate) async fn a_job_asked_for_while_it_runs_runs_again(place: &TestDatabase) {
    let house = House::open(place).await;
    let (worker, mut watch, gate) = Worker::gated();
    let running = house.start("a", &worker);
    house.ask("x", T).await;
    assert_eq!(watch.next().await, "x");
    house.ask("x", T).await;
    house.look().await;
    assert!(watch.is_quiet(), "not at the same time");
    gate.add_permits(1);
    assert_eq!(watch.next().await, "x");
    gate.add_permits(1);
    house.empty().await;
    running.stop().await;
    assert!(watch.is_quiet());
}

/// Waits until `x` stands in the queue, under no lease, with so many attempts and `no luck`.
async fn rests(house: &House, attempts: u32) {
    let expected = [("x".to_owned(), attempts, Some("no luck".to_owned()))];
    house.until(|left| left == expected).await;
    house.freed().await;
}

pub(crate) async fn a_failed_job_is_tried_again_after_1_2_and_4_seconds(place: &TestDatabase) {
    let house = House::open(place).await;
    let (worker, mut watch) = Worker::saying([failed(), failed(), failed()]);
    let running = house.start("a", &worker);
    house.ask("x", T).await;
    for (attempts, pause) in [(1, 1), (2, 2), (3, 4)] {
        assert_eq!(watch.next().await, "x");
        rests(&house, attempts).await;
        house.pass(pause - 1).await;
        house.ask("other", T).await;
        assert_eq!(watch.next().await, "other", "x rests for {pause} s");
        house.until(|left| left.len() == 1).await;
        assert!(watch.is_quiet());
        house.pass(1).await;
    }
    assert_eq!(watch.next().await, "x");
    house.empty().await;
    running.stop().await;
}

pub(crate) async fn a_job_asked_for_again_after_failures_is_due_at_once(place: &TestDatabase) {
    let house = House::open(place).await;
    let (worker, mut watch) = Worker::saying([failed()]);
    let running = house.start("a", &worker);
    house.ask("x", T).await;
    assert_eq!(watch.next().await, "x");
    rests(&house, 1).await;
    house.ask("x", T).await;
    assert_eq!(watch.next().await, "x");
    house.empty().await;
    running.stop().await;
}

pub(crate) async fn a_job_that_has_more_to_do_comes_back_without_having_failed(place: &TestDatabase) {
    let house = House::open(place).await;
    let after = Seconds(7);
    let (worker, mut watch) = Worker::saying([failed(), Next::Again { after }, Next::Again { after }]);
    let running = house.start("a", &worker);
    house.ask("x", T).await;
    assert_eq!(watch.next().await, "x");
    rests(&house, 1).await;
    house.pass(1).await;
    for _ in 0..2 {
        assert_eq!(watch.next().await, "x");
        house.until(|left| left == [("x".to_owned(), 0, None)]).await;
        house.pass(6).await;
        assert!(watch.is_quiet());
        house.pass(1).await;
    }
    assert_eq!(watch.next().await, "x");
    house.empty().await;
    running.stop().await;
}

pub(crate) async fn a_panicking_handler_is_a_failed_job_and_the_runner_lives(place: &TestDatabase) {
    let house = House::open(place).await;
    let runner = Runner::new(house.database.clone(), "a", house.clock.clone());
    let runner = runner.register(KIND, |subject| async move {
        assert_ne!(subject, "x", "this panic belongs to the test");
        Next::Done
    });
    let running = tokio::spawn(runner.run(std::future::pending()));
    house.ask("x", T).await;
    house.ask("y", T).await;
    let panicked = ("x".to_owned(), 1, Some("the handler panicked".to_owned()));
    house.until(|left| left == std::slice::from_ref(&panicked)).await;
    running.abort();
}

pub(crate) async fn a_job_of_an_unknown_kind_is_left_to_others(place: &TestDatabase) {
    let house = House::open(place).await;
    let other = async |tx: &mut Tx| enqueue(tx, "test.other", "o", T).await;
    house.database.write(other).await.unwrap();
    let (worker, mut watch) = Worker::saying([]);
    let running = house.start("a", &worker);
    house.ask("x", T).await;
    assert_eq!(watch.next().await, "x");
    running.stop().await;
    assert_eq!(house.left().await, [("o".to_owned(), 0, None)]);
}

/// Many jobs, two nodes, and a clock that never lets a lease lapse.
pub(crate) async fn two_runners_never_run_a_job_at_the_same_time(place: &TestDatabase) {
    const JOBS: usize = 60;
    let house = House::open(place).await;
    let other = house.other(place).await;
    let now_running: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    let runs: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    let runner = |house: &House, node: &str| {
        let (now_running, runs) = (Arc::clone(&now_running), Arc::clone(&runs));
        let runner = Runner::new(house.database.clone(), node, house.clock.clone());
        let runner = runner.register(KIND, move |subject| {
            let (now_running, runs) = (Arc::clone(&now_running), Arc::clone(&runs));
            async move {
                let here = *now_running
                    .lock()
                    .unwrap()
                    .entry(subject.clone())
                    .and_modify(|n| *n += 1)
                    .or_insert(1);
                assert_eq!(here, 1, "{subject} runs twice at once");
                tokio::task::yield_now().await;
                *now_running.lock().unwrap().get_mut(&subject).unwrap() -= 1;
                let mut runs = runs.lock().unwrap();
                let run = runs.entry(subject).or_insert(0);
                *run += 1;
                if *run < 3 {
                    Next::Again { after: Seconds(0) }
                } else {
                    Next::Done
                }
            }
        });
        tokio::spawn(runner.run(std::future::pending()))
    };
    let running = [runner(&house, "a"), runner(&other, "b")];
    let unit = async |tx: &mut Tx| {
        let jobs: Vec<String> = (0..JOBS).map(|job| format!("job {job:02}")).collect();
        // Some are named twice, and are one job each.
        enqueue_all(tx, KIND, jobs.iter().chain(jobs.iter().take(3)).map(String::as_str), T).await?;
        enqueue_all(tx, KIND, [], T).await?;
        Ok::<_, StoreError>(())
    };
    house.database.write(unit).await.unwrap();
    house.empty().await;
    for one in running {
        one.abort();
    }
    let runs = runs.lock().unwrap();
    assert_eq!(runs.len(), JOBS);
    assert!(
        runs.values().all(|runs| *runs == 3),
        "a panic would have made it more: {runs:?}"
    );
}

pub(crate) async fn a_job_whose_runner_died_is_taken_over_when_its_lease_has_lapsed_and_not_before(
    place: &TestDatabase,
) {
    let house = House::open(place).await;
    let other = house.other(place).await;
    let (stuck, mut first, _gate) = Worker::gated();
    let dying = house.start("a", &stuck);
    house.ask("x", T).await;
    assert_eq!(first.next().await, "x");
    dying.die().await;

    let (worker, mut second) = Worker::saying([]);
    let running = other.start("b", &worker);
    other.pass(LEASE.0 - 1).await;
    other.ask("y", T).await;
    assert_eq!(second.next().await, "y", "x is still under lease");
    other.pass(1).await;
    assert_eq!(second.next().await, "x");
    other.empty().await;
    running.stop().await;
}

pub(crate) async fn a_runner_that_comes_back_under_its_name_need_not_wait(place: &TestDatabase) {
    let house = House::open(place).await;
    let (stuck, mut first, _gate) = Worker::gated();
    let dying = house.start("a", &stuck);
    house.ask("x", T).await;
    assert_eq!(first.next().await, "x");
    dying.die().await;
    let (worker, mut second) = Worker::saying([]);
    let running = house.start("a", &worker);
    assert_eq!(second.next().await, "x");
    house.empty().await;
    running.stop().await;
}

/// A runner hangs until its lease has lapsed and another has taken the job over; then it comes to and says it is done.
pub(crate) async fn who_lost_the_lease_has_no_say_in_how_the_job_ended(place: &TestDatabase) {
    let house = House::open(place).await;
    let other = house.other(place).await;
    let (slow, mut first, let_slow_go) = Worker::gated();
    let hanging = house.start("a", &slow);
    house.ask("x", T).await;
    assert_eq!(first.next().await, "x");

    let (worker, mut second, let_go) = Worker::gated();
    let running = other.start("b", &worker);
    other.pass(LEASE.0).await;
    assert_eq!(second.next().await, "x");
    let_slow_go.add_permits(1);
    hanging.stop().await;
    assert_eq!(
        house.left().await,
        [("x".to_owned(), 2, None)],
        "it is not done: the other one is at it"
    );
    let_go.add_permits(1);
    house.empty().await;
    running.stop().await;
}

pub(crate) async fn shutting_down_finishes_what_runs_and_starts_nothing(place: &TestDatabase) {
    let house = House::open(place).await;
    let (worker, mut watch, gate) = Worker::gated();
    let running = house.start("a", &worker);
    house.ask("x", T).await;
    assert_eq!(watch.next().await, "x");
    let stopped = running.stopping().await;
    house.ask("y", T).await;
    assert!(!stopped.is_finished(), "x still runs");
    gate.add_permits(2);
    ended(stopped).await;
    assert!(watch.is_quiet());
    assert_eq!(
        house.left().await,
        [("y".to_owned(), 0, None)],
        "x was finished, y is for the next life"
    );
}

const BRISK: Pace = Pace {
    look: Duration::from_millis(10),
    renew: Duration::from_millis(10),
};

pub(crate) async fn a_lease_is_renewed_for_as_long_as_the_job_runs(place: &TestDatabase) {
    let house = House::open(place).await;
    let other = house.other(place).await;
    let (worker, mut watch, gate) = Worker::gated();
    let running = Running::start(house.runner("a", &worker).at_pace(BRISK));
    house.ask("x", T).await;
    assert_eq!(watch.next().await, "x");
    let (idle, mut nothing) = Worker::saying([]);
    let waiting = Running::start(other.runner("b", &idle).at_pace(BRISK));
    for _ in 0..3 {
        let before = house.lease_of_x().await.unwrap();
        house.pass(LEASE.0 - 1).await;
        house.renewed(before).await;
    }
    assert!(nothing.is_quiet(), "three leases long nobody took it over");
    gate.add_permits(1);
    house.empty().await;
    running.stop().await;
    waiting.stop().await;
    assert!(watch.is_quiet());
}

pub(crate) async fn a_job_whose_lease_is_lost_is_stopped(place: &TestDatabase) {
    let house = House::open(place).await;
    let (worker, mut watch, gate) = Worker::gated();
    let running = Running::start(house.runner("a", &worker).at_pace(BRISK));
    house.ask("x", T).await;
    assert_eq!(watch.next().await, "x");
    let theft = async |tx: &mut Tx| tx.execute(Sql::new("UPDATE jobs SET lease_owner = 'b'")).await;
    assert_eq!(house.database.write(theft).await.unwrap(), 1);
    // The handler waits at the gate for ever, so this returns only when it is stopped there.
    running.stop().await;
    assert_eq!(gate.available_permits(), 0);
    assert_eq!(house.left().await, [("x".to_owned(), 1, None)]);
}
