//! The decision about one spend. Pure; nothing is allocated when the answer is yes.

use {
    crate::{
        decision::{Decision, Outcome, Violation},
        model::{AgentPolicy, Window},
    },
    portreeve_kernel::{Address, Amount, Asset, Code, Level, Now, Timestamp, Total},
};

/// What an agent asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendRequest {
    /// In which currency.
    pub asset: Asset,
    /// How much, in base units.
    pub amount: Amount,
    /// The wallet that is paid; for a token the wallet that owns the token account.
    pub destination: Address,
    /// The program that moves the asset: System, Token or Token-2022.
    pub program: Address,
}

/// What counts already, settled and pending alike, without the request itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Of this agent and asset, in the last 24 hours.
    pub day: Total,
    /// In the last 7 days.
    pub week: Total,
    /// In the last 30 days.
    pub month: Total,
    /// When this agent last spent, whatever the asset.
    pub last_spend_at: Option<Timestamp>,
    /// The owner's budget over all agents for this asset, when there is one.
    pub global: Option<GlobalUsage>,
}

/// An owner's budget over all agents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GlobalUsage {
    /// For 24 hours.
    pub day: Option<Budget>,
    /// For 7 days.
    pub week: Option<Budget>,
    /// For 30 days.
    pub month: Option<Budget>,
}

/// A limit and what counts against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most that may be spent.
    pub limit: Amount,
    /// What is.
    pub used: Total,
}

impl Usage {
    /// What counts in one window.
    #[must_use]
    pub const fn of(&self, window: Window) -> Total {
        match window {
            Window::Day => self.day,
            Window::Week => self.week,
            Window::Month => self.month,
        }
    }
}

impl GlobalUsage {
    /// The budget of one window.
    #[must_use]
    pub const fn of(&self, window: Window) -> Option<Budget> {
        match window {
            Window::Day => self.day,
            Window::Week => self.week,
            Window::Month => self.month,
        }
    }
}

/// Decides whether `request` fits `policy` when `usage` counts already and the clocks read `now`.
///
/// All rules are judged. The outcome is the severest of what the amount brings by its escalation level and what the
/// violated rules bring. Rules about time must hold under both readings of `now`.
#[must_use]
pub fn evaluate(policy: &AgentPolicy, request: &SpendRequest, usage: &Usage, now: Now) -> Decision {
    let mut bench = Bench {
        requested: request.amount,
        room: Total::ZERO,
        violations: Vec::new(),
    };
    judge_limits(&mut bench, policy, request, usage);
    let exceeded = bench.violations.len();
    judge_whitelist(&mut bench, policy, request);
    judge_time(&mut bench, policy, usage, now);

    let escalation = policy.escalation_of(request.asset);
    let level = escalation.and_then(|escalation| escalation.level_of(request.amount));
    let asks_from = escalation.and_then(|escalation| escalation.reaches(Level::Medium));
    let below_asking = asks_from.and_then(|amount| Total::from(amount).minus(1));
    let only_amounts_matter = bench.violations.len() == exceeded;
    Decision {
        outcome: Outcome::of_level(level).max(bench.outcome(policy.approval_may_exceed_per_transaction)),
        level,
        max_amount_now: match (only_amounts_matter, below_asking) {
            (false, _) => Total::ZERO,
            (true, Some(most)) => bench.room.min(most),
            (true, None) => bench.room,
        },
        violations: bench.violations,
        policy_version: policy.version,
    }
}

fn judge_limits(bench: &mut Bench, policy: &AgentPolicy, request: &SpendRequest, usage: &Usage) {
    // A mint without limits leaves no room; that it is refused is said by name, with the whitelist.
    if let Some(limits) = policy.limits_of(request.asset) {
        bench.room = limits.per_transaction.into();
        bench.limit(Code::PolicyPerTxLimitExceeded, None, limits.per_transaction, None);
        for window in Window::ALL {
            let code = match window {
                Window::Day => Code::PolicyDailyLimitExceeded,
                Window::Week => Code::PolicyWeeklyLimitExceeded,
                Window::Month => Code::PolicyMonthlyLimitExceeded,
            };
            bench.limit(code, Some(*window), limits.of(*window), Some(usage.of(*window)));
        }
    }
    for window in Window::ALL {
        if let Some(Budget { limit, used }) = usage.global.and_then(|global| global.of(*window)) {
            bench.limit(Code::PolicyGlobalBudgetExceeded, Some(*window), limit, Some(used));
        }
    }
}

fn judge_whitelist(bench: &mut Bench, policy: &AgentPolicy, request: &SpendRequest) {
    let list = &policy.whitelist;
    if !list.allowed_destinations.is_empty() && !list.allowed_destinations.contains(&request.destination) {
        bench.refuse(Code::PolicyDestinationNotAllowed, None);
    }
    let listed = list.allowed_programs.is_empty() || list.allowed_programs.contains(&request.program);
    let pinned = policy.pinned_of(request.asset).map(|pinned| pinned.program);
    if !listed || pinned.is_some_and(|program| program != request.program) {
        bench.refuse(Code::PolicyProgramNotAllowed, None);
    }
    if let Asset::Token(mint) = request.asset {
        let listed = list.allowed_token_mints.is_empty() || list.allowed_token_mints.contains(&mint);
        if !listed || !policy.tokens.contains_key(&mint) {
            bench.refuse(Code::PolicyTokenNotAllowed, None);
        }
    }
}

fn judge_time(bench: &mut Bench, policy: &AgentPolicy, usage: &Usage, now: Now) {
    let control = &policy.time_control;
    let interval_ends = usage.last_spend_at.map(|last| last.plus(policy.min_interval()));
    let tired_until = interval_ends.filter(|end| policy.min_interval_seconds > 0 && *end > now.for_release());
    let in_hours = control.in_hours(now.for_release()) && control.in_hours(now.for_expiry());
    let blacked_out = control.blacks_out(now.for_release()) || control.blacks_out(now.for_expiry());
    if in_hours && !blacked_out && tired_until.is_none() {
        return;
    }
    let passes_at = control.opens_for(tired_until.unwrap_or(now.for_release()), now);
    if !in_hours {
        bench.refuse(Code::PolicyOutsideOperatingHours, passes_at);
    }
    if blacked_out {
        bench.refuse(Code::PolicyBlackoutDate, passes_at);
    }
    if tired_until.is_some() {
        bench.refuse(Code::PolicyMinInterval, passes_at);
    }
}

/// Where the rules put what they find.
struct Bench {
    requested: Amount,
    /// The largest amount that every limit leaves.
    room: Total,
    violations: Vec<Violation>,
}

impl Bench {
    /// A rule that `used` and the request together stay at or below `limit`.
    fn limit(&mut self, code: Code, window: Option<Window>, limit: Amount, used: Option<Total>) {
        let spent = used.unwrap_or(Total::ZERO);
        let remaining = Total::from(limit).minus(spent.units()).unwrap_or(Total::ZERO);
        self.room = self.room.min(remaining);
        if Total::from(self.requested) <= remaining {
            return;
        }
        let sum = spent.units().saturating_add(self.requested.units());
        self.violations.push(Violation {
            code,
            level: code.level(),
            limit: Some(limit),
            used,
            requested: self.requested,
            remaining: Some(remaining),
            over_by: Some(sum.saturating_sub(limit.units())),
            window,
            passes_at: None,
        });
    }

    /// A rule that is not about amounts says no.
    fn refuse(&mut self, code: Code, passes_at: Option<Timestamp>) {
        self.violations.push(Violation {
            code,
            level: code.level(),
            limit: None,
            used: None,
            requested: self.requested,
            remaining: None,
            over_by: None,
            window: None,
            passes_at,
        });
    }

    /// What the violated rules bring. One approval may stand in for the limit per transaction, and for nothing else.
    fn outcome(&self, approval_may_exceed_per_transaction: bool) -> Outcome {
        match self.violations.as_slice() {
            [] => Outcome::Allow,
            [only] if approval_may_exceed_per_transaction && only.code == Code::PolicyPerTxLimitExceeded => {
                Outcome::Hold
            }
            _ => Outcome::Deny,
        }
    }
}
