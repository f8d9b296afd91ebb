//! Whether a decision costs more when its account has a long past.

use {
    crate::{
        Effort,
        decisions::{decisions, pay},
        estate::{Estate, Tenant},
        result::{Measurement, Target, number},
        stats::{median, percentile, process_time},
    },
    portreeve_wallet::testing::Decisions,
    std::path::Path,
};

/// Decisions of each kind in one turn; fewer than the unsigned payments that one agent may have.
const AT_ONCE: usize = 100;

/// A past and what deciding after it takes.
struct Past {
    entries: u64,
    estate: Estate,
    decisions: Decisions,
    tenant: Tenant,
    milliseconds: Vec<f64>,
    /// Microseconds of processor time of each, one number for each turn.
    costs: Vec<f64>,
}

/// Measures on the disk in `folder`, and where nothing waits for a disk.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> Measurement {
    let mut result = Measurement::new("growth");
    let long = effort.pick(1_000_000, 10_000);
    result.with(format!(
        "one agent's account with 1,000 and with {} settled entries over 60 days, each in a database of its own; one \
         decision after another, {AT_ONCE} of each in turn, {} turns",
        number(long as f64),
        effort.pick(8, 1)
    ));
    for (name, folder) in [("in memory", Path::new("/dev/shm")), ("on disk", folder)] {
        let folder = tempfile::tempdir_in(folder).unwrap();
        let mut pasts = Vec::new();
        for entries in [1_000, long] {
            let url = format!("sqlite://{}/{entries}.db?mode=rwc", folder.path().display());
            pasts.push(Past::new(&url, entries).await);
        }
        for _ in 0..effort.pick(8, 1) {
            for past in &mut pasts {
                past.turn().await;
            }
        }
        let ratio = |of: fn(&Past) -> &[f64]| median(of(&pasts[1])) / median(of(&pasts[0]));
        let against = format!(
            "{} entries against {}",
            number(pasts[1].entries as f64),
            number(pasts[0].entries as f64)
        );
        result.hold(
            format!("{name}: {against}, processor time"),
            ratio(|past| &past.costs),
            "×",
            Target::AtMost(1.1),
        );
        result.tell(
            format!("{name}: {against}, time"),
            ratio(|past| &past.milliseconds),
            "×",
        );
        for past in &pasts {
            let after = format!("{name}: a decision after {} entries", number(past.entries as f64));
            result.tell(format!("{after}, processor time"), median(&past.costs), "µs");
            result.tell(format!("{after}, median"), median(&past.milliseconds) * 1e3, "µs");
            result.tell(format!("{after}, 90 %"), percentile(&past.milliseconds, 90) * 1e3, "µs");
        }
        for past in pasts {
            drop(past.decisions);
            past.estate.database.close().await;
        }
    }
    result
}

impl Past {
    async fn new(url: &str, entries: u64) -> Self {
        let estate = Estate::open(url).await;
        let agents = estate.agents(1).await;
        estate.history(&agents[0], entries).await;
        let tenant = estate.tenants(&agents, 1).await.remove(0);
        let decisions = decisions(&estate);
        Self {
            entries,
            estate,
            decisions,
            tenant,
            milliseconds: Vec::new(),
            costs: Vec::new(),
        }
    }

    async fn turn(&mut self) {
        // The first after the other's turn finds cold caches.
        pay(&self.decisions, &self.tenant).await;
        let used = process_time();
        for _ in 0..AT_ONCE {
            self.milliseconds.push(pay(&self.decisions, &self.tenant).await);
        }
        self.costs
            .push((process_time() - used).as_secs_f64() * 1e6 / AT_ONCE as f64);
        self.estate.carry_on().await;
    }
}
