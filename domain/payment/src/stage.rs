//! The life of a payment, as a state machine. What must stay true: a terminal stage never changes, and budget is given
//! back only where no signature can land any more.

use {
    serde::{Deserialize, Serialize},
    std::fmt,
};

/// Where a payment is, in full detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stage {
    /// The policy says no. Nothing is reserved.
    Denied,
    /// The owner has to decide. Nothing is reserved.
    Held,
    /// Budget is taken; no message exists that anyone could sign.
    Reserved,
    /// The message is fixed and the signer may have been asked: from here on only proof gives the budget back.
    Signing,
    /// Signed, and sent again and again until the chain decides.
    Submitted,
    /// Landed, irreversibly.
    Finalized,
    /// Given up before it was signed, because the agent was stopped or it took too long; the signer, when it may have
    /// been asked, has promised never to sign it.
    Voided,
    /// The chain's dry run refused it before the signer was asked.
    SimulationFailed,
    /// The signer refused it.
    SignerRefused,
    /// Landed and failed there, irreversibly. The fee is gone, the amount is not.
    FailedOnChain,
    /// Proven never to land.
    Expired,
}

/// Where a payment is, for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Being checked.
    Pending,
    /// Passed, waiting for its signature.
    Approved,
    /// The owner has to decide.
    AwaitingApproval,
    /// Signed and on its way.
    Submitted,
    /// Finalized on chain.
    Confirmed,
    /// Tried and failed; nothing was spent.
    Failed,
    /// Refused; nothing was spent.
    Rejected,
    /// Never landed and never will; nothing was spent.
    Expired,
}

/// Both names and the successors of every stage, in one table.
macro_rules! stages {
    ($($stage:ident $text:literal $status:ident -> [$($next:ident)*];)+) => {
        impl Stage {
            /// Every stage.
            pub const ALL: &'static [Self] = &[$(Self::$stage),+];

            /// As the database and the API write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$stage => $text,)+ }
            }

            /// What clients see.
            #[must_use]
            pub const fn status(self) -> Status {
                match self { $(Self::$stage => Status::$status,)+ }
            }

            /// The stages that may follow.
            #[must_use]
            pub const fn successors(self) -> &'static [Self] {
                match self { $(Self::$stage => &[$(Self::$next),*],)+ }
            }
        }
    };
}

stages! {
    Denied           "DENIED"            Rejected         -> [];
    Held             "HELD"              AwaitingApproval -> [];
    Reserved         "RESERVED"          Pending          -> [Signing Voided SimulationFailed];
    Signing          "SIGNING"           Approved         -> [Submitted SignerRefused Voided];
    Submitted        "SUBMITTED"         Submitted        -> [Finalized FailedOnChain Expired];
    Finalized        "FINALIZED"         Confirmed        -> [];
    Voided           "VOIDED"            Rejected         -> [];
    SimulationFailed "SIMULATION_FAILED" Failed           -> [];
    SignerRefused    "SIGNER_REFUSED"    Rejected         -> [];
    FailedOnChain    "FAILED_ON_CHAIN"   Failed           -> [];
    Expired          "EXPIRED"           Expired          -> [];
}

impl Stage {
    /// True when budget is taken and the outcome is still open.
    #[must_use]
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Reserved | Self::Signing | Self::Submitted)
    }

    /// True when `next` may follow.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        self.successors().contains(&next)
    }
}

impl Status {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Approved => "APPROVED",
            Self::AwaitingApproval => "AWAITING_APPROVAL",
            Self::Submitted => "SUBMITTED",
            Self::Confirmed => "CONFIRMED",
            Self::Failed => "FAILED",
            Self::Rejected => "REJECTED",
            Self::Expired => "EXPIRED",
        }
    }

    /// The stages behind a status, for filters.
    pub fn stages(self) -> impl Iterator<Item = Stage> {
        Stage::ALL.iter().copied().filter(move |stage| stage.status() == self)
    }

    /// From a filter, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Stage::ALL
            .iter()
            .map(|stage| stage.status())
            .find(|status| status.as_str().eq_ignore_ascii_case(text))
    }
}

/// The text names no stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the stage of a payment")]
pub struct UnknownStage(String);

impl std::str::FromStr for Stage {
    type Err = UnknownStage;
    fn from_str(text: &str) -> Result<Self, UnknownStage> {
        let known = Self::ALL.iter().copied().find(|stage| stage.as_str() == text);
        known.ok_or_else(|| UnknownStage(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_flight_never_changes() {
        for stage in Stage::ALL {
            assert_eq!(stage.is_in_flight(), !stage.successors().is_empty(), "{stage}");
        }
    }

    #[test]
    fn what_may_be_signed_is_not_given_up_by_a_dry_run_and_what_is_signed_not_at_all() {
        assert!(!Stage::Signing.may_become(Stage::SimulationFailed));
        assert!(!Stage::Submitted.may_become(Stage::Voided));
        assert!(
            !Stage::Submitted.may_become(Stage::SignerRefused),
            "a signature that left cannot be refused"
        );
    }

    #[test]
    fn every_stage_and_status_round_trips_through_its_text() {
        for stage in Stage::ALL {
            assert_eq!(stage.as_str().parse(), Ok(*stage));
            assert_eq!(
                Status::parse(&stage.status().as_str().to_lowercase()),
                Some(stage.status())
            );
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
            assert_eq!(serde_json::to_value(stage.status()).unwrap(), stage.status().as_str());
        }
        assert_eq!(Status::parse("paid"), None);
    }
}
