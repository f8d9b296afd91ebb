//! The rules once more, written from what they promise and not from how they are programmed: whole numbers wide enough
//! never to overflow, lists instead of sets and sums, days counted from 1970 instead of a calendar, and answers found by
//! trying.

/// 2⁶³ − 1, the largest amount there is.
pub(crate) const MOST: i128 = 9_223_372_036_854_775_807;
pub(crate) const HOUR: i128 = 3_600_000;
pub(crate) const DAY: i128 = 24 * HOUR;

/// Name and days of each window.
pub(crate) const WINDOWS: [(&str, i128); 3] = [("24h", 1), ("7d", 7), ("30d", 30)];

/// What an owner allows.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) sol: Sums,
    pub(crate) tokens: Vec<Token>,
    pub(crate) destinations: Vec<u8>,
    pub(crate) programs: Vec<u8>,
    pub(crate) mints: Vec<u8>,
    /// From this hour up to, but not including, that one.
    pub(crate) hours: Option<(i128, i128)>,
    /// 0 is Monday.
    pub(crate) weekdays: Vec<i128>,
    /// Days since 1970-01-01.
    pub(crate) closed: Vec<i128>,
    /// Seconds.
    pub(crate) interval: i128,
    pub(crate) may_exceed_once: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) mint: u8,
    pub(crate) sums: Sums,
    pub(crate) program: Option<u8>,
}

/// Upper bounds for once and for each window, and the amounts from which it is low, medium, high, critical.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    pub(crate) once: i128,
    pub(crate) windows: [i128; 3],
    pub(crate) levels: [Option<i128>; 4],
}

/// What is asked for. `None` is SOL.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) mint: Option<u8>,
    pub(crate) amount: i128,
    pub(crate) to: u8,
    pub(crate) program: u8,
}

/// Something that was spent, or is about to be.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) amount: i128,
    /// In milliseconds; `None` while it is pending.
    pub(crate) settled: Option<i128>,
}

/// Everything else a decision rests on. Times in milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) entries: Vec<Entry>,
    pub(crate) last_spend: Option<i128>,
    /// The owner's budget for each window: at most, and used by all agents.
    pub(crate) budgets: [Option<(i128, i128)>; 3],
    pub(crate) slow: i128,
    pub(crate) fast: i128,
}

/// A rule that says no.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct No {
    pub(crate) code: &'static str,
    pub(crate) level: &'static str,
    pub(crate) window: Option<&'static str>,
    pub(crate) limit: Option<i128>,
    pub(crate) used: Option<i128>,
    pub(crate) remaining: Option<i128>,
    pub(crate) over_by: Option<i128>,
    pub(crate) passes_at: Option<i128>,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) outcome: &'static str,
    pub(crate) level: Option<&'static str>,
    pub(crate) noes: Vec<No>,
    pub(crate) most: i128,
    pub(crate) code: Option<&'static str>,
    pub(crate) passes_at: Option<i128>,
}

const OUTCOMES: [&str; 6] = [
    "ALLOW",
    "ALLOW_NOTIFY",
    "HOLD",
    "DENY",
    "DENY_SUSPEND",
    "DENY_SUSPEND_REVOKE",
];
const LEVELS: [&str; 4] = ["LOW", "MEDIUM", "HIGH", "CRITICAL"];
/// What each level alone brings.
const BRINGS: [usize; 4] = [1, 2, 4, 5];
const DENY: usize = 3;

impl Rules {
    fn sums(&self, mint: Option<u8>) -> Option<&Sums> {
        match mint {
            None => Some(&self.sol),
            Some(mint) => self
                .tokens
                .iter()
                .find(|token| token.mint == mint)
                .map(|token| &token.sums),
        }
    }

    /// Open at this millisecond, as far as hours and weekdays go.
    fn hours_open(&self, at: i128) -> bool {
        let (day, hour) = (at.div_euclid(DAY), at.rem_euclid(DAY) / HOUR);
        // 1970-01-01 was a Thursday.
        let weekday = (day + 3).rem_euclid(7);
        let in_hours = match self.hours {
            None => true,
            Some((start, end)) => (hour - start).rem_euclid(24) < (end - start).rem_euclid(24),
        };
        in_hours && (self.weekdays.is_empty() || self.weekdays.contains(&weekday))
    }

    fn date_open(&self, at: i128) -> bool {
        !self.closed.contains(&at.div_euclid(DAY))
    }

    fn open(&self, at: i128) -> bool {
        self.hours_open(at) && self.date_open(at)
    }

    /// The first moment of the slow clock, from `from` on, at which both are in an opening. Either clock's opening
    /// begins with an hour, so only those moments have to be tried. What has not opened weeks after the last closed
    /// date never will: without those, every week is the same.
    fn opens(&self, from: i128, ahead: i128) -> Option<i128> {
        let last = self.closed.iter().map(|day| day * DAY).max().unwrap_or(from).max(from) + 16 * DAY;
        let both = |at: &i128| self.open(*at) && self.open(*at + ahead);
        if both(&from) {
            return Some(from);
        }
        let mut hour = (from.div_euclid(HOUR)) * HOUR;
        while hour <= last {
            let mut begins = [
                hour,
                hour - ahead.rem_euclid(HOUR),
                hour + HOUR - ahead.rem_euclid(HOUR),
            ];
            begins.sort_unstable();
            if let Some(at) = begins.into_iter().filter(|at| *at >= from).find(|at| both(at)) {
                return Some(at);
            }
            hour += HOUR;
        }
        None
    }
}

impl Scene {
    /// What counts in a window of so many days at a moment of the slow clock: what is pending, and what was settled
    /// less than the window and a second ago.
    pub(crate) fn used(&self, days: i128, at: i128) -> i128 {
        let counts = |entry: &&Entry| entry.settled.is_none_or(|settled| at < settled + days * DAY + 1000);
        self.entries.iter().filter(counts).map(|entry| entry.amount).sum()
    }

    /// When at most `room` counts in a window: tried at each moment at which something leaves it.
    fn frees(&self, days: i128, room: i128) -> Option<i128> {
        let mut moments: Vec<i128> = self
            .entries
            .iter()
            .filter_map(|entry| Some(entry.settled? + days * DAY + 1000))
            .collect();
        moments.push(self.slow);
        moments.sort_unstable();
        moments
            .into_iter()
            .filter(|at| *at >= self.slow)
            .find(|at| self.used(days, *at) <= room)
    }
}

/// The answer about one spend.
pub(crate) fn judge(rules: &Rules, ask: &Ask, scene: &Scene) -> Verdict {
    let noes = noes(rules, ask, scene, true);
    let (outcome, level) = outcome(rules, ask, &noes);
    let refused = outcome >= DENY;
    let code = refused.then(|| noes.first().map_or("POLICY_AMOUNT_CRITICAL", |no| no.code));
    let passes_at = if refused && level.is_none_or(|level| level < 2) {
        let all: Option<Vec<i128>> = noes.iter().map(|no| no.passes_at).collect();
        all.and_then(|all| all.into_iter().max())
    } else {
        None
    };
    Verdict {
        outcome: OUTCOMES[outcome],
        level: level.map(|level| LEVELS[level]),
        most: most(rules, ask, scene),
        noes,
        code,
        passes_at,
    }
}

/// The largest amount that would be paid, found by halving.
fn most(rules: &Rules, ask: &Ask, scene: &Scene) -> i128 {
    let passes = |amount| {
        let other = Ask { amount, ..ask.clone() };
        outcome(rules, &other, &noes(rules, &other, scene, false)).0 < 2
    };
    if !passes(1) {
        return 0;
    }
    let (mut passing, mut failing) = (1, MOST + 1);
    while failing - passing > 1 {
        let middle = (passing + failing) / 2;
        if passes(middle) {
            passing = middle;
        } else {
            failing = middle;
        }
    }
    passing
}

fn outcome(rules: &Rules, ask: &Ask, noes: &[No]) -> (usize, Option<usize>) {
    let reached = |level: &usize| {
        let threshold = rules.sums(ask.mint).and_then(|sums| sums.levels[*level]);
        threshold.is_some_and(|threshold| ask.amount >= threshold)
    };
    let level = [3, 2, 1, 0].into_iter().find(reached);
    let by_rules = if noes.is_empty() {
        0
    } else if noes.len() == 1 && noes[0].code == "POLICY_PER_TX_LIMIT_EXCEEDED" && rules.may_exceed_once {
        2
    } else {
        DENY
    };
    (by_rules.max(level.map_or(0, |level| BRINGS[level])), level)
}

/// Every rule that says no, in the order limits, whitelist, time. Looking for when it would pass takes long, and can be
/// left out.
fn noes(rules: &Rules, ask: &Ask, scene: &Scene, when: bool) -> Vec<No> {
    let mut noes = Vec::new();
    if let Some(sums) = rules.sums(ask.mint) {
        noes.extend(exceeded(
            "POLICY_PER_TX_LIMIT_EXCEEDED",
            "LOW",
            None,
            sums.once,
            None,
            ask,
        ));
        let codes = [
            "POLICY_DAILY_LIMIT_EXCEEDED",
            "POLICY_WEEKLY_LIMIT_EXCEEDED",
            "POLICY_MONTHLY_LIMIT_EXCEEDED",
        ];
        for (place, (window, days)) in WINDOWS.into_iter().enumerate() {
            let (limit, used) = (sums.windows[place], scene.used(days, scene.slow));
            let no = exceeded(codes[place], "LOW", Some(window), limit, Some(used), ask);
            noes.extend(no.map(|no| {
                No {
                    passes_at: scene
                        .frees(days, limit - ask.amount)
                        .filter(|_| when && ask.amount <= limit),
                    ..no
                }
            }));
        }
    }
    for (place, (window, _)) in WINDOWS.into_iter().enumerate() {
        if let Some((limit, used)) = scene.budgets[place] {
            noes.extend(exceeded(
                "POLICY_GLOBAL_BUDGET_EXCEEDED",
                "MEDIUM",
                Some(window),
                limit,
                Some(used),
                ask,
            ));
        }
    }
    let unlisted = |list: &[u8], one: u8| !list.is_empty() && !list.contains(&one);
    if unlisted(&rules.destinations, ask.to) {
        noes.push(plain("POLICY_DESTINATION_NOT_ALLOWED", "HIGH", None));
    }
    let token = ask
        .mint
        .map(|mint| rules.tokens.iter().find(|token| token.mint == mint));
    let pinned = token.flatten().and_then(|token| token.program);
    if unlisted(&rules.programs, ask.program) || pinned.is_some_and(|program| program != ask.program) {
        noes.push(plain("POLICY_PROGRAM_NOT_ALLOWED", "HIGH", None));
    }
    if ask.mint.is_some_and(|mint| unlisted(&rules.mints, mint)) || token.is_some_and(|token| token.is_none()) {
        noes.push(plain("POLICY_TOKEN_NOT_ALLOWED", "MEDIUM", None));
    }
    let rested = scene
        .last_spend
        .map(|last| last + rules.interval * 1000)
        .filter(|_| rules.interval > 0);
    let tired = rested.filter(|rested| *rested > scene.slow);
    let outside = !(rules.hours_open(scene.slow) && rules.hours_open(scene.fast));
    let closed = !(rules.date_open(scene.slow) && rules.date_open(scene.fast));
    if outside || closed || tired.is_some() {
        let from = tired.unwrap_or(scene.slow);
        let passes_at = if when {
            rules.opens(from, scene.fast - scene.slow)
        } else {
            None
        };
        let about = [
            (outside, "POLICY_OUTSIDE_OPERATING_HOURS"),
            (closed, "POLICY_BLACKOUT_DATE"),
            (tired.is_some(), "POLICY_MIN_INTERVAL"),
        ];
        let broken = about.into_iter().filter(|(broken, _)| *broken);
        noes.extend(broken.map(|(_, code)| plain(code, "LOW", passes_at)));
    }
    noes
}

fn exceeded(
    code: &'static str,
    level: &'static str,
    window: Option<&'static str>,
    limit: i128,
    used: Option<i128>,
    ask: &Ask,
) -> Option<No> {
    let over = used.unwrap_or(0) + ask.amount - limit;
    (over > 0).then(|| No {
        code,
        level,
        window,
        limit: Some(limit),
        used,
        remaining: Some((limit - used.unwrap_or(0)).max(0)),
        over_by: Some(over),
        passes_at: None,
    })
}

fn plain(code: &'static str, level: &'static str, passes_at: Option<i128>) -> No {
    No {
        code,
        level,
        window: None,
        limit: None,
        used: None,
        remaining: None,
        over_by: None,
        passes_at,
    }
}
