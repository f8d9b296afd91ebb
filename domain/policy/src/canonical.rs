//! The bytes of a policy that are hashed and signed: its JSON, compact, fields in declared order, lists sorted, what is
//! not set left out.
//!
//! Written by hand, because writing must not be able to fail, and because what an owner has signed must not change its
//! bytes when somebody touches a serde attribute. A test holds it against serde's writer.

use {
    crate::{
        calendar::{Hours, TimeControl},
        model::{AgentPolicy, Escalation, Limits, PinnedToken, TokenPolicy, Whitelist},
    },
    portreeve_kernel::{AgentId, Amount, proof::Challenge},
    sha2::{Digest, Sha256},
    std::fmt::Display,
};

/// What the owner signs to approve `policy`, version included, for one agent.
#[must_use]
pub fn approval_challenge(agent: &AgentId, policy: &AgentPolicy) -> Challenge {
    // An id has a fixed length and no line break, so the two parts cannot run into each other.
    let mut body = agent.as_str().as_bytes().to_vec();
    body.push(b'\n');
    body.extend(policy.canonical_bytes());
    Challenge::over("policy", &body)
}

impl AgentPolicy {
    /// The policy's JSON in its one canonical form.
    #[must_use]
    pub fn canonical_bytes(&self) -> Vec<u8> {
        let Self {
            version,
            limits: sol_limits,
            escalation: sol_escalation,
            tokens,
            whitelist,
            time_control: time,
            min_interval_seconds,
            approval_may_exceed_per_transaction,
            chain_destinations,
        } = self;
        object([
            ("version", version.to_string()),
            ("limits", limits(sol_limits)),
            ("escalation", escalation(sol_escalation)),
            (
                "tokens",
                object(tokens.iter().map(|(mint, rules)| (mint.to_string(), token(rules)))),
            ),
            ("whitelist", whitelist_text(whitelist)),
            ("timeControl", time_control(time)),
            ("minIntervalSeconds", min_interval_seconds.to_string()),
            (
                "approvalMayExceedPerTransaction",
                approval_may_exceed_per_transaction.to_string(),
            ),
            ("chainDestinations", string(chain_destinations)),
        ])
        .into_bytes()
    }

    /// SHA-256 of [`Self::canonical_bytes`].
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.canonical_bytes()).into()
    }
}

fn limits(limits: &Limits) -> String {
    let Limits {
        per_transaction,
        daily,
        weekly,
        monthly,
    } = limits;
    object([
        ("perTransaction", string(per_transaction)),
        ("daily", string(daily)),
        ("weekly", string(weekly)),
        ("monthly", string(monthly)),
    ])
}

fn escalation(escalation: &Escalation) -> String {
    let Escalation {
        low,
        medium,
        high,
        critical,
    } = escalation;
    let set = |name: &'static str, amount: &Option<Amount>| amount.as_ref().map(|amount| (name, string(amount)));
    object(
        [
            set("low", low),
            set("medium", medium),
            set("high", high),
            set("critical", critical),
        ]
        .into_iter()
        .flatten(),
    )
}

fn token(rules: &TokenPolicy) -> String {
    let TokenPolicy {
        limits: amounts,
        escalation: levels,
        pinned,
    } = rules;
    let pinned = pinned.as_ref().map(|PinnedToken { program, decimals }| {
        object([("program", string(program)), ("decimals", decimals.to_string())])
    });
    let always = [("limits", limits(amounts)), ("escalation", escalation(levels))];
    object(always.into_iter().chain(pinned.map(|pinned| ("pinned", pinned))))
}

fn whitelist_text(whitelist: &Whitelist) -> String {
    let Whitelist {
        allowed_destinations,
        allowed_programs,
        allowed_token_mints,
    } = whitelist;
    object([
        ("allowedDestinations", list(allowed_destinations)),
        ("allowedPrograms", list(allowed_programs)),
        ("allowedTokenMints", list(allowed_token_mints)),
    ])
}

fn time_control(time: &TimeControl) -> String {
    let TimeControl {
        operating_hours_utc,
        weekdays,
        blackout_dates,
    } = time;
    let hours = operating_hours_utc
        .as_ref()
        .map(|Hours { start, end }| object([("start", start.to_string()), ("end", end.to_string())]));
    object(
        hours
            .map(|hours| ("operatingHoursUtc", hours))
            .into_iter()
            .chain([("weekdays", list(weekdays)), ("blackoutDates", list(blackout_dates))]),
    )
}

fn object<K: Display>(fields: impl IntoIterator<Item = (K, String)>) -> String {
    let fields: Vec<String> = fields
        .into_iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| string(&item)).collect();
    format!("[{}]", items.join(","))
}

/// Digits, Base58, dates and words of ours: nothing that JSON would escape.
fn string(text: &impl Display) -> String {
    format!("\"{text}\"")
}
