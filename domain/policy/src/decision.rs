//! The answer about one spend: one outcome, every violation, and what would pass instead.

use {
    crate::{model::Window, words::words},
    portreeve_kernel::{Amount, Code, Level, Timestamp, Total},
};

words! {
    /// What happens. Ordered from mild to severe; of several reasons the severest decides.
    Outcome {
        /// Pay.
        Allow = "ALLOW",
        /// Pay, and tell the owner.
        AllowNotify = "ALLOW_NOTIFY",
        /// Ask the owner first. Nothing is reserved; approval decides again.
        Hold = "HOLD",
        /// Refuse.
        Deny = "DENY",
        /// Refuse, and stop the agent until the owner resumes it.
        DenySuspend = "DENY_SUSPEND",
        /// Refuse, stop the agent, revoke its credentials and destroy its signing key.
        DenySuspendRevoke = "DENY_SUSPEND_REVOKE",
    }
}

impl Outcome {
    /// True when the money may move now.
    #[must_use]
    pub fn is_allowed(self) -> bool {
        self <= Self::AllowNotify
    }

    /// True when it may not, whatever the owner says about this one spend.
    #[must_use]
    pub fn is_refused(self) -> bool {
        self >= Self::Deny
    }

    /// True when the agent is to be suspended.
    #[must_use]
    pub fn suspends(self) -> bool {
        self >= Self::DenySuspend
    }

    /// True when the agent's keys are to be revoked and destroyed as well.
    #[must_use]
    pub fn revokes(self) -> bool {
        self >= Self::DenySuspendRevoke
    }

    /// What an amount of this level brings by itself.
    #[must_use]
    pub const fn of_level(level: Option<Level>) -> Self {
        match level {
            None => Self::Allow,
            Some(Level::Low) => Self::AllowNotify,
            Some(Level::Medium) => Self::Hold,
            Some(Level::High) => Self::DenySuspend,
            Some(Level::Critical) => Self::DenySuspendRevoke,
        }
    }
}

/// One rule that says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub code: Code,
    /// How alarming it is, from the registry of codes.
    pub level: Option<Level>,
    /// The limit, for rules about amounts.
    pub limit: Option<Amount>,
    /// What already counts against it; `None` for the limit per transaction and for rules that are not about amounts.
    pub used: Option<Total>,
    /// What was asked for.
    pub requested: Amount,
    /// What is left of the limit; zero when a lowered limit is below what is used.
    pub remaining: Option<Total>,
    /// By how much the limit would be exceeded: used + requested − limit.
    pub over_by: Option<u64>,
    /// The window the limit is about.
    pub window: Option<Window>,
    /// When the same request would pass this rule, by the slowest clock; `None` when waiting does not help or when it
    /// is not known.
    pub passes_at: Option<Timestamp>,
}

/// What [`evaluate`](crate::evaluate()) found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What happens.
    pub outcome: Outcome,
    /// The escalation level of the amount alone.
    pub level: Option<Level>,
    /// Every rule that says no, in the fixed order limits → whitelist → time.
    pub violations: Vec<Violation>,
    /// The largest amount that would be paid now without asking anybody, all else being equal; zero when none would.
    pub max_amount_now: Total,
    /// The version of the policy that decided.
    pub policy_version: u64,
}

impl Decision {
    /// The error code of a refusal: the first violation, or [`Code::PolicyAmountCritical`] when the amount alone
    /// stopped the agent. `None` when it is not refused.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        if !self.outcome.is_refused() {
            return None;
        }
        let first = self.violations.first().map(|violation| violation.code);
        Some(first.unwrap_or(Code::PolicyAmountCritical))
    }

    /// Adds a rule that this policy does not write down, about something other than amounts. A rule that already says no
    /// under the same code is not said twice; then the later of the two moments counts.
    pub fn refuse(&mut self, code: Code, requested: Amount, passes_at: Option<Timestamp>) {
        self.outcome = self.outcome.max(Outcome::Deny);
        self.max_amount_now = Total::ZERO;
        if let Some(said) = self.violations.iter_mut().find(|violation| violation.code == code) {
            said.passes_at = said.passes_at.zip(passes_at).map(|(one, other)| one.max(other));
            return;
        }
        let of_time = |violation: &Violation| {
            let time = [
                Code::PolicyOutsideOperatingHours,
                Code::PolicyBlackoutDate,
                Code::PolicyMinInterval,
            ];
            time.contains(&violation.code)
        };
        let place = self
            .violations
            .iter()
            .position(of_time)
            .unwrap_or(self.violations.len());
        let violation = Violation {
            code,
            level: code.level(),
            limit: None,
            used: None,
            requested,
            remaining: None,
            over_by: None,
            window: None,
            passes_at,
        };
        self.violations.insert(place, violation);
    }

    /// Fills in when the agent's own limit of `window` would let the amount through. Who holds the ledger knows.
    /// An amount above the limit itself never passes, whatever is said here.
    pub fn set_passes_at(&mut self, window: Window, at: Option<Timestamp>) {
        self.fill(window, at, |code| code != Code::PolicyGlobalBudgetExceeded);
    }

    /// The same for the owner's global budget.
    pub fn set_global_passes_at(&mut self, window: Window, at: Option<Timestamp>) {
        self.fill(window, at, |code| code == Code::PolicyGlobalBudgetExceeded);
    }

    fn fill(&mut self, window: Window, at: Option<Timestamp>, meant: impl Fn(Code) -> bool) {
        let matching = |violation: &&mut Violation| violation.window == Some(window) && meant(violation.code);
        for violation in self.violations.iter_mut().filter(matching) {
            let ever = violation.limit.is_some_and(|limit| violation.requested <= limit);
            violation.passes_at = at.filter(|_| ever);
        }
    }

    /// When the same request would pass every rule that refuses it now: the latest of all. `None` when it is not
    /// refused, when one of them is unknown, or when waiting does not help. For the exact moment under operating hours
    /// ask [`TimeControl::opens_at`](crate::TimeControl::opens_at) from here on.
    #[must_use]
    pub fn passes_at(&self) -> Option<Timestamp> {
        if !self.outcome.is_refused() || self.level >= Some(Level::High) {
            return None;
        }
        let mut latest = None;
        for violation in &self.violations {
            latest = latest.max(Some(violation.passes_at?));
        }
        latest
    }
}
