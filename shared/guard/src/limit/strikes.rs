//! Who does something wrong too often within a time has to pause.

use {
    std::{
        collections::{HashMap, VecDeque},
        hash::Hash,
        sync::{
            Mutex, MutexGuard, PoisonError,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    },
    tokio::time::Instant,
};

/// How many are remembered. Beyond that nobody new is: the limits themselves still hold.
const MOST: usize = 100_000;

/// So many strikes within a time, and the pause that follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    strikes: usize,
    within: Duration,
    pause: Duration,
}

impl Rule {
    /// Times are in seconds.
    pub(super) const fn new(strikes: usize, within: u64, pause: u64) -> Self {
        Self {
            strikes,
            within: Duration::from_secs(within),
            pause: Duration::from_secs(pause),
        }
    }
}

#[derive(Debug, Default)]
struct Record {
    strikes: VecDeque<Instant>,
    pause: Option<Pause>,
}

#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Instant,
    /// Nothing makes it longer.
    longest: bool,
}

/// The strikes of everybody, each by itself.
#[derive(Debug)]
pub(super) struct Strikes<K> {
    /// The mildest first.
    rules: &'static [Rule],
    all: Mutex<HashMap<K, Record>>,
    /// How many are in `all`: nobody waits for a lock while nobody does anything wrong.
    known: AtomicUsize,
}

impl<K: Hash + Eq + Clone> Strikes<K> {
    pub(super) fn new(rules: &'static [Rule]) -> Self {
        Self {
            rules,
            all: Mutex::default(),
            known: AtomicUsize::new(0),
        }
    }

    /// How long the pause still is.
    pub(super) fn blocked(&self, who: &K) -> Option<Duration> {
        if self.known.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let pause = self.lock().get(who)?.pause?;
        let left = pause.until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// One more. In a pause it counts towards a longer one, and in the longest no more.
    pub(super) fn strike(&self, who: &K) {
        let now = Instant::now();
        let mut all = self.lock();
        if all.len() >= MOST && !all.contains_key(who) {
            return;
        }
        let record = all.entry(who.clone()).or_default();
        record.strike(self.rules, now);
        self.known.store(all.len(), Ordering::Relaxed);
    }

    /// Forgets whoever neither pauses nor has struck lately.
    pub(super) fn forget_old(&self) {
        let now = Instant::now();
        let longest = self.rules.iter().map(|rule| rule.within).max().unwrap_or_default();
        let mut all = self.lock();
        all.retain(|_, record| {
            let pauses = record.pause.is_some_and(|pause| pause.until > now);
            let lately = record
                .strikes
                .back()
                .is_some_and(|last| now.duration_since(*last) <= longest);
            pauses || lately
        });
        self.known.store(all.len(), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Record>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn strike(&mut self, rules: &[Rule], now: Instant) {
        let pause = self.pause.filter(|pause| pause.until > now);
        if pause.is_some_and(|pause| pause.longest) {
            return;
        }
        let most = rules.iter().map(|rule| rule.strikes).max().unwrap_or(0);
        self.strikes.push_back(now);
        if self.strikes.len() > most {
            self.strikes.pop_front();
        }
        let Some(rule) = rules.iter().rev().find(|rule| self.has_hit(rule, now)) else {
            return;
        };
        let longest = rule.strikes == most;
        if pause.is_none() || longest {
            self.pause = now.checked_add(rule.pause).map(|until| Pause { until, longest });
        }
        if longest {
            self.strikes.clear();
        }
    }

    fn has_hit(&self, rule: &Rule, now: Instant) -> bool {
        let nth = self
            .strikes
            .len()
            .checked_sub(rule.strikes)
            .and_then(|place| self.strikes.get(place));
        nth.is_some_and(|first| now.duration_since(*first) <= rule.within)
    }
}
