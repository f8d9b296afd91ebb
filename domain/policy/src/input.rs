//! A policy as an owner writes it: a preset and what differs from it.
//!
//! What is given stands; nothing that was given is ever adjusted. A limit that is not given is the preset's where that
//! still fits the order perTransaction ≤ daily ≤ weekly ≤ monthly, and 1 ×, 7 ×, 30 × daily where it does not or where
//! there is none.

use {
    crate::{
        calendar::{Hours, TimeControl, Weekday},
        model::{AgentPolicy, ChainDestinations, Escalation, Limits, TokenPolicy, Whitelist},
        preset::Preset,
        validate::{FieldError, missing},
    },
    jiff::civil::Date,
    portreeve_kernel::{Address, Amount, Mint},
    serde::{Deserialize, Deserializer},
    std::collections::{BTreeMap, BTreeSet},
};

/// What JSON may say about a policy: `{"preset": "standard"}` and any overrides, or `{"preset": "custom"}` and at least
/// `limits.daily`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyInput {
    /// What to start from.
    pub preset: Preset,
    /// How much SOL.
    #[serde(default)]
    pub limits: LimitsInput,
    /// What large amounts of SOL trigger. `null` removes a level of the preset.
    #[serde(default)]
    pub escalation: EscalationInput,
    /// The same for tokens, by mint. No preset brings any.
    #[serde(default)]
    pub tokens: BTreeMap<Mint, TokenInput>,
    /// To whom, by which program, in which tokens. No preset brings any entry.
    #[serde(default)]
    pub whitelist: WhitelistInput,
    /// When.
    #[serde(default)]
    pub time_control: TimeControlInput,
    /// Least time between two spends, in seconds; 0 when not given.
    #[serde(default)]
    pub min_interval_seconds: u32,
    /// Whether one approval may exceed the limit per transaction; `false` when not given.
    #[serde(default)]
    pub approval_may_exceed_per_transaction: bool,
    /// Whether the whitelist goes on chain; `whitelist` when not given.
    pub chain_destinations: Option<ChainDestinations>,
}

/// Limits, each of which may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LimitsInput {
    /// For one spend.
    pub per_transaction: Option<Amount>,
    /// For any 24 hours.
    pub daily: Option<Amount>,
    /// For any 7 days.
    pub weekly: Option<Amount>,
    /// For any 30 days.
    pub monthly: Option<Amount>,
}

/// Escalation levels, each of which may be left as the preset has it, removed or set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EscalationInput {
    /// From here the owner is told.
    pub low: Override<Amount>,
    /// From here the owner is asked.
    pub medium: Override<Amount>,
    /// From here the agent is suspended.
    pub high: Override<Amount>,
    /// From here its keys are revoked too.
    pub critical: Override<Amount>,
}

/// What holds for one token; `limits.daily` is required.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TokenInput {
    /// How much.
    pub limits: LimitsInput,
    /// What large amounts trigger.
    pub escalation: Escalation,
}

/// Lists, each of which may be left out; empty means any.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WhitelistInput {
    /// Wallets that may be paid.
    pub allowed_destinations: BTreeSet<Address>,
    /// Programs that may move the asset.
    pub allowed_programs: BTreeSet<Address>,
    /// Tokens that may be spent.
    pub allowed_token_mints: BTreeSet<Mint>,
}

/// Time rules, each of which may be left as the preset has it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TimeControlInput {
    /// The hours of every day; `null` for all.
    pub operating_hours_utc: Override<Hours>,
    /// The days; `[]` for all.
    pub weekdays: Option<BTreeSet<Weekday>>,
    /// Dates closed as a whole. No preset brings any.
    #[serde(deserialize_with = "crate::calendar::read_dates")]
    pub blackout_dates: BTreeSet<Date>,
}

/// A field that may be absent, `null` or given, all of which differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Override<T> {
    /// Absent: as the preset has it.
    #[default]
    Keep,
    /// `null`: without it.
    Clear,
    /// Given: this one.
    Set(T),
}

impl<T> Override<T> {
    fn over(self, preset: Option<T>) -> Option<T> {
        match self {
            Self::Keep => preset,
            Self::Clear => None,
            Self::Set(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Override<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.map_or(Self::Clear, Self::Set))
    }
}

impl From<Preset> for PolicyInput {
    /// The preset as it is.
    fn from(preset: Preset) -> Self {
        Self {
            preset,
            limits: LimitsInput::default(),
            escalation: EscalationInput::default(),
            tokens: BTreeMap::new(),
            whitelist: WhitelistInput::default(),
            time_control: TimeControlInput::default(),
            min_interval_seconds: 0,
            approval_may_exceed_per_transaction: false,
            chain_destinations: None,
        }
    }
}

impl PolicyInput {
    /// The whole policy, checked, under the version it is to have.
    ///
    /// # Errors
    /// Every field that is missing; or, when none is, every field that does not make sense.
    pub fn resolve(self, version: u64) -> Result<AgentPolicy, Vec<FieldError>> {
        let template = self.preset.template();
        let mut errors = Vec::new();
        let limits = self.limits.complete(&template.limits);
        if limits.is_none() {
            errors.push(missing("limits.daily", "the limit for 24 hours is required"));
        }
        if self.preset.needs_destinations() && self.whitelist.allowed_destinations.is_empty() {
            let detail = "the preset `conservative` pays named destinations only, so at least one is required";
            errors.push(missing("whitelist.allowedDestinations", detail));
        }
        let mut tokens = BTreeMap::new();
        for (mint, TokenInput { limits, escalation }) in self.tokens {
            match limits.complete(&LimitsInput::default()) {
                Some(limits) => {
                    // What the chain says of it, the caller has to ask.
                    tokens.insert(
                        mint,
                        TokenPolicy {
                            limits,
                            escalation,
                            pinned: None,
                        },
                    );
                }
                None => errors.push(missing(
                    format!("tokens.{mint}.limits.daily"),
                    "the limit for 24 hours is required",
                )),
            }
        }
        let (Some(limits), true) = (limits, errors.is_empty()) else {
            return Err(errors);
        };
        let policy = AgentPolicy {
            version,
            limits,
            escalation: self.escalation.over(template.escalation),
            tokens,
            whitelist: self.whitelist.into(),
            time_control: self.time_control.over(template.time_control),
            min_interval_seconds: self.min_interval_seconds,
            approval_may_exceed_per_transaction: self.approval_may_exceed_per_transaction,
            chain_destinations: self.chain_destinations.unwrap_or(ChainDestinations::Whitelist),
        };
        policy.validate()?;
        Ok(policy)
    }
}

impl From<WhitelistInput> for Whitelist {
    fn from(input: WhitelistInput) -> Self {
        Self {
            allowed_destinations: input.allowed_destinations,
            allowed_programs: input.allowed_programs,
            allowed_token_mints: input.allowed_token_mints,
        }
    }
}

impl LimitsInput {
    /// Fills the gaps; `None` when there is no daily limit to start from. Multiples stop at the largest amount there is.
    fn complete(&self, template: &Self) -> Option<Limits> {
        let daily = self.daily.or(template.daily)?;
        let multiple = |factor| daily.times(factor).unwrap_or(Amount::MAX);
        let at_least = |floor: Amount| move |limit: &Amount| *limit >= floor;
        let usual = template.per_transaction.map_or(daily, |limit| limit.min(daily));
        let weekly = self.weekly.or(template.weekly.filter(at_least(daily)));
        let weekly = weekly.unwrap_or_else(|| multiple(7));
        let monthly = self.monthly.or(template.monthly.filter(at_least(weekly)));
        Some(Limits {
            per_transaction: self.per_transaction.unwrap_or(usual),
            daily,
            weekly,
            monthly: monthly.unwrap_or_else(|| multiple(30)),
        })
    }
}

impl EscalationInput {
    fn over(self, template: Escalation) -> Escalation {
        Escalation {
            low: self.low.over(template.low),
            medium: self.medium.over(template.medium),
            high: self.high.over(template.high),
            critical: self.critical.over(template.critical),
        }
    }
}

impl TimeControlInput {
    fn over(self, template: TimeControl) -> TimeControl {
        TimeControl {
            operating_hours_utc: self.operating_hours_utc.over(template.operating_hours_utc),
            weekdays: self.weekdays.unwrap_or(template.weekdays),
            blackout_dates: self.blackout_dates,
        }
    }
}
