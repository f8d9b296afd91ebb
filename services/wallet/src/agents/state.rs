//! The life of an agent. What must stay true: only an ACTIVE agent pays, and only the owner makes one active.

use {
    portreeve_kernel::Code,
    serde::{Deserialize, Serialize},
    std::fmt,
};

/// Where an agent is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AgentStatus {
    /// Its wallet is not there yet.
    Creating,
    /// May pay.
    Active,
    /// May not. Only the owner resumes it.
    Suspended,
}

/// What is being done about the agent in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AgentStage {
    /// The owner has to approve the policy.
    AwaitingPolicyApproval,
    /// The wallet is being made on chain.
    Building,
    /// Its limits are being taken off the chain.
    Suspending,
    /// Its limits are being put back on the chain; it may pay when they are there.
    Resuming,
}

/// Whether signer and chain are as the agent's status asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChainSync {
    /// They are.
    Synced,
    /// Work on it is under way.
    Pending,
    /// They have not followed for a minute; it goes on being tried. The server refuses in the meantime.
    Failed,
}

/// A word in the database that no code of ours wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a word of this column")]
pub struct UnknownWord(pub(crate) String);

macro_rules! text {
    ($name:ident: $($variant:ident $text:literal),+) => {
        impl $name {
            /// As the database and the API write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

        }

        impl std::str::FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err(UnknownWord(other.chars().take(64).collect())),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
text!(AgentStatus: Creating "CREATING", Active "ACTIVE", Suspended "SUSPENDED");
text!(AgentStage: AwaitingPolicyApproval "AWAITING_POLICY_APPROVAL", Building "BUILDING", Suspending "SUSPENDING", Resuming "RESUMING");
text!(ChainSync: Synced "synced", Pending "pending", Failed "failed");

impl AgentStatus {
    /// Whether the agent may pay.
    ///
    /// # Errors
    /// The code that tells the agent why not.
    pub const fn may_pay(self) -> Result<(), Code> {
        match self {
            Self::Active => Ok(()),
            Self::Creating => Err(Code::AgentCreating),
            Self::Suspended => Err(Code::AgentSuspended),
        }
    }

    /// Whether it can be suspended now.
    ///
    /// # Errors
    /// [`Code::AgentSuspended`] when it is already, [`Code::AgentStateConflict`] while it has no wallet.
    pub const fn may_be_suspended(self) -> Result<(), Code> {
        match self {
            Self::Active => Ok(()),
            Self::Suspended => Err(Code::AgentSuspended),
            Self::Creating => Err(Code::AgentStateConflict),
        }
    }

    /// Whether it can be resumed now.
    ///
    /// # Errors
    /// [`Code::AgentStateConflict`] unless it is suspended.
    pub const fn may_be_resumed(self) -> Result<(), Code> {
        match self {
            Self::Suspended => Ok(()),
            Self::Active | Self::Creating => Err(Code::AgentStateConflict),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_active_agent_pays_and_only_a_suspended_one_is_resumed() {
        for (status, pays, suspends, resumes) in [
            (
                AgentStatus::Creating,
                Err(Code::AgentCreating),
                Err(Code::AgentStateConflict),
                false,
            ),
            (AgentStatus::Active, Ok(()), Ok(()), false),
            (
                AgentStatus::Suspended,
                Err(Code::AgentSuspended),
                Err(Code::AgentSuspended),
                true,
            ),
        ] {
            assert_eq!(status.may_pay(), pays, "{status}");
            assert_eq!(status.may_be_suspended(), suspends, "{status}");
            assert_eq!(status.may_be_resumed().is_ok(), resumes, "{status}");
        }
    }

    #[test]
    fn the_database_and_the_api_write_the_same_words() {
        for status in [AgentStatus::Creating, AgentStatus::Active, AgentStatus::Suspended] {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for stage in [
            AgentStage::AwaitingPolicyApproval,
            AgentStage::Building,
            AgentStage::Suspending,
            AgentStage::Resuming,
        ] {
            assert_eq!(stage.as_str().parse(), Ok(stage));
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
        }
        for sync in [ChainSync::Synced, ChainSync::Pending, ChainSync::Failed] {
            assert_eq!(sync.as_str().parse(), Ok(sync));
            assert_eq!(serde_json::to_value(sync).unwrap(), sync.as_str());
        }
    }
}
