//! Templates an owner can start from.

use {
    crate::{
        calendar::{Hours, TimeControl, Weekday},
        input::LimitsInput,
        model::Escalation,
        words::words,
    },
    portreeve_kernel::Amount,
};

words! {
    /// A template. Fields that are given override it.
    Preset {
        /// For trying out: small sums, office hours on weekdays, named destinations only, all four levels.
        Conservative = "conservative",
        /// For daily work: round the clock; amounts far above the limits stop the agent.
        Standard = "standard",
        /// For agents that are watched elsewhere: round the clock; only a critical amount stops the agent.
        Permissive = "permissive",
        /// Nothing is given: the policy is written in full.
        Custom = "custom",
    }
}

/// What a template fixes. The rest is the same for all: no tokens, any destination, no interval.
#[derive(Default)]
pub(crate) struct Template {
    pub(crate) limits: LimitsInput,
    pub(crate) escalation: Escalation,
    pub(crate) time_control: TimeControl,
}

impl Preset {
    /// True when at least one destination must be named.
    pub(crate) const fn needs_destinations(self) -> bool {
        matches!(self, Self::Conservative)
    }

    pub(crate) fn template(self) -> Template {
        match self {
            Self::Conservative => Template {
                limits: limits(100, 500, 2_000, 5_000),
                escalation: Escalation {
                    low: milli_sol(50),
                    medium: milli_sol(100),
                    high: milli_sol(300),
                    critical: milli_sol(500),
                },
                time_control: office_hours(),
            },
            Self::Standard => Template {
                limits: limits(1_000, 5_000, 25_000, 50_000),
                escalation: Escalation {
                    high: milli_sol(5_000),
                    critical: milli_sol(10_000),
                    ..Escalation::default()
                },
                ..Template::default()
            },
            Self::Permissive => Template {
                limits: limits(10_000, 50_000, 200_000, 500_000),
                escalation: Escalation {
                    critical: milli_sol(100_000),
                    ..Escalation::default()
                },
                ..Template::default()
            },
            Self::Custom => Template::default(),
        }
    }
}

fn limits(per_transaction: u64, daily: u64, weekly: u64, monthly: u64) -> LimitsInput {
    LimitsInput {
        per_transaction: milli_sol(per_transaction),
        daily: milli_sol(daily),
        weekly: milli_sol(weekly),
        monthly: milli_sol(monthly),
    }
}

/// Thousandths of a SOL, in lamports.
fn milli_sol(thousandths: u64) -> Option<Amount> {
    Amount::new(thousandths.saturating_mul(1_000_000)).ok()
}

fn office_hours() -> TimeControl {
    TimeControl {
        operating_hours_utc: Some(Hours { start: 9, end: 17 }),
        weekdays: Weekday::ALL
            .iter()
            .copied()
            .filter(|day| *day <= Weekday::Friday)
            .collect(),
        ..TimeControl::default()
    }
}
