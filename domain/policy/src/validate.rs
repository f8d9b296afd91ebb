//! Whether a policy makes sense. Checked when it is saved, and again by the signer before it is taken over.

use {
    crate::{
        calendar::TimeControl,
        model::{AgentPolicy, ChainDestinations, Escalation, Limits, Whitelist, Window},
    },
    portreeve_kernel::{Address, Code, Level},
    std::fmt,
};

/// Most destinations a policy may name.
pub const MAX_DESTINATIONS: usize = 64;
/// Most destinations the chain can be told: removing and adding a limit must fit one transaction.
pub const MAX_CHAIN_DESTINATIONS: usize = 16;
/// Most programs a policy may name.
pub const MAX_PROGRAMS: usize = 16;
/// Most tokens a policy may name, with limits or on the list.
pub const MAX_TOKENS: usize = 16;
/// Most dates a policy may close: a year of days.
pub const MAX_BLACKOUT_DATES: usize = 366;
/// Longest interval between spends, in seconds: the longest window.
pub const MAX_MIN_INTERVAL_SECONDS: u32 = Window::Month.seconds();

/// A field of a policy that has to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Its path in the JSON, such as `limits.daily`.
    pub param: String,
    /// What is wrong and what would work.
    pub detail: String,
    /// One of the `VALIDATION_…` codes.
    pub code: Code,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.param, self.detail)
    }
}

pub(crate) fn missing(param: impl Into<String>, detail: impl Into<String>) -> FieldError {
    FieldError {
        param: param.into(),
        detail: detail.into(),
        code: Code::ValidationRequiredField,
    }
}

pub(crate) fn out_of_range(param: impl Into<String>, detail: impl Into<String>) -> FieldError {
    FieldError {
        param: param.into(),
        detail: detail.into(),
        code: Code::ValidationOutOfRange,
    }
}

impl AgentPolicy {
    /// Checks the sense of every field.
    ///
    /// # Errors
    /// Every field that contradicts another or is out of bounds.
    pub fn validate(&self) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        check_limits("", &self.limits, &mut errors);
        check_escalation("", &self.escalation, &mut errors);
        for (mint, token) in &self.tokens {
            if mint.address() == Address::SYSTEM_PROGRAM {
                let detail = "the system program is no mint; the limits of SOL are in `limits`";
                errors.push(out_of_range(format!("tokens.{mint}"), detail));
            }
            let path = format!("tokens.{mint}.");
            check_limits(&path, &token.limits, &mut errors);
            check_escalation(&path, &token.escalation, &mut errors);
        }
        check_length("tokens", self.tokens.len(), MAX_TOKENS, &mut errors);
        check_whitelist(&self.whitelist, self.chain_destinations, &mut errors);
        check_time(&self.time_control, &mut errors);
        if self.min_interval_seconds > MAX_MIN_INTERVAL_SECONDS {
            let detail = format!("at most {MAX_MIN_INTERVAL_SECONDS} seconds, which are 30 days");
            errors.push(out_of_range("minIntervalSeconds", detail));
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

fn check_limits(path: &str, limits: &Limits, errors: &mut Vec<FieldError>) {
    let ascending = [
        ("perTransaction", limits.per_transaction),
        ("daily", limits.daily),
        ("weekly", limits.weekly),
        ("monthly", limits.monthly),
    ];
    for ((smaller_name, smaller), (name, limit)) in ascending.iter().zip(ascending.iter().skip(1)) {
        if limit < smaller {
            let detail = format!("{limit} is below `{smaller_name}`, which is {smaller}; raise it or lower the other");
            errors.push(out_of_range(format!("{path}limits.{name}"), detail));
        }
    }
}

fn check_escalation(path: &str, escalation: &Escalation, errors: &mut Vec<FieldError>) {
    let mut milder = None;
    for level in [Level::Low, Level::Medium, Level::High, Level::Critical] {
        let name = level.as_str().to_ascii_lowercase();
        let Some(threshold) = escalation.at(level) else {
            continue;
        };
        if let Some((milder_name, least)) = milder.filter(|(_, least)| threshold < *least) {
            let detail = format!("{threshold} is below `{milder_name}`, which is {least}; a higher level begins later");
            errors.push(out_of_range(format!("{path}escalation.{name}"), detail));
        }
        milder = Some((name, threshold));
    }
}

fn check_whitelist(whitelist: &Whitelist, on_chain: ChainDestinations, errors: &mut Vec<FieldError>) {
    let destinations = &whitelist.allowed_destinations;
    let path = "whitelist.allowedDestinations";
    check_length(path, destinations.len(), MAX_DESTINATIONS, errors);
    if on_chain == ChainDestinations::Whitelist && destinations.len() > MAX_CHAIN_DESTINATIONS {
        let detail = format!(
            "at most {MAX_CHAIN_DESTINATIONS} destinations fit on chain; name fewer, or set `chainDestinations: \"any\"` \
             to have server and signer alone keep the list"
        );
        errors.push(out_of_range(path, detail));
    }
    if destinations.contains(&Address::SYSTEM_PROGRAM) {
        errors.push(out_of_range(
            path,
            "the system program is no wallet; money sent there is lost",
        ));
    }
    check_length(
        "whitelist.allowedPrograms",
        whitelist.allowed_programs.len(),
        MAX_PROGRAMS,
        errors,
    );
    check_length(
        "whitelist.allowedTokenMints",
        whitelist.allowed_token_mints.len(),
        MAX_TOKENS,
        errors,
    );
}

fn check_time(time: &TimeControl, errors: &mut Vec<FieldError>) {
    if let Some(hours) = time.operating_hours_utc {
        errors.extend(hours.check("timeControl.operatingHoursUtc"));
    }
    check_length(
        "timeControl.blackoutDates",
        time.blackout_dates.len(),
        MAX_BLACKOUT_DATES,
        errors,
    );
}

fn check_length(param: &str, length: usize, most: usize, errors: &mut Vec<FieldError>) {
    if length > most {
        errors.push(out_of_range(
            param,
            format!("at most {most} entries, here are {length}"),
        ));
    }
}
