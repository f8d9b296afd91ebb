//! Why the signer says no.

use {
    portreeve_kernel::Code,
    serde::{Deserialize, Serialize},
};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident $code:ident $clean:literal;)+) => {
        /// Which rule says no.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum Reason {
            $($(#[$doc])* $name,)+
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// What a client of the server's is told. For [`Reason::Policy`] the refusal's own codes say more.
            #[must_use]
            pub const fn code(self) -> Code {
                match self { $(Self::$name => Code::$code,)+ }
            }

            /// True when this answer to a spend proves that the signer never signed anything under that transaction's
            /// id, so that what was reserved for it may be released.
            #[must_use]
            pub const fn proves_never_signed(self) -> bool {
                match self { $(Self::$name => $clean,)+ }
            }
        }
    };
}

reasons! {
    /// The request is not one of this protocol.
    Malformed SystemInternalError false;
    /// The receipt shown is not from this signer: the server's records belong to another one.
    ForeignReceipt SystemSignerUnavailable false;
    /// The journal has lost records, as a receipt proved. Nothing is signed until the full journal is back.
    Frozen SystemSignerUnavailable false;
    /// The signer's clock cannot be read.
    ClockUnavailable SystemSignerUnavailable true;
    /// The keystore does not give the key.
    KeyUnavailable SystemSignerUnavailable true;
    /// No key was ever made for this agent.
    UnknownAgent AgentNotFound true;
    /// More agents than one signer keeps.
    TooManyAgents SystemOverloaded true;
    /// The agent's key was destroyed.
    KeyDestroyed AgentStateConflict true;
    /// The owner has to resume the agent first.
    Suspended AgentSuspended true;
    /// The agent is not suspended, so there is nothing to resume.
    NotSuspended AgentStateConflict true;
    /// The owner has approved no policy yet.
    NoPolicy PolicyNotApproved true;
    /// The policy contradicts itself.
    PolicyInvalid PolicyInvalid true;
    /// A newer policy is in force.
    PolicyOlder PolicyVersionConflict true;
    /// Another policy is in force under the same version.
    PolicyDiffers PolicyVersionConflict true;
    /// It would allow more than the one in force, and the owner's proof is missing.
    PolicyLoosens PolicyNotApproved true;
    /// It skips more versions than is allowed without the owner's proof.
    PolicySkips PolicyVersionConflict true;
    /// The proof is not the owner's, or is about something else.
    ProofInvalid PolicyProofInvalid true;
    /// The transaction was signed already, with another message or for another agent.
    TransactionReused TransactionSigningFailed false;
    /// The transaction was given up, and is never signed.
    TransactionVoided TransactionSigningFailed true;
    /// The bytes are not a message that the signer fully understands.
    Undecodable TransactionSigningFailed true;
    /// The message does something else than what was asked for.
    WrongAction TransactionSigningFailed true;
    /// The message is not about this agent's own wallet, keys and fee payer.
    WrongWallet TransactionSigningFailed true;
    /// The memo is not the transaction's id.
    WrongMemo TransactionSigningFailed true;
    /// The approved policy does not allow the spend; the refusal's codes say which rules.
    Policy TransactionSigningFailed true;
    /// The spend says other decimals of the token than the owner has approved, so its amount means something else.
    WrongToken TransactionSigningFailed true;
    /// The spend opens a token account at the fee payer's cost, and the agent has opened too many of late.
    TooManyAccounts TransactionSigningFailed true;
    /// The limits in the message are not those of the newest approved policy.
    NotApproved TransactionSigningFailed true;
    /// Too many different messages of this kind were signed for the agent.
    TooManyMessages TransactionSigningFailed true;
    /// The passkey is none, or another one is pinned under its id.
    PasskeyInvalid ValidationInvalidFormat true;
    /// More passkeys than are pinned at once.
    TooManyPasskeys ValidationOutOfRange true;
}

/// A refusal. Nothing was changed, booked or signed by this request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    /// Which rule.
    pub reason: Reason,
    /// In words, with the numbers.
    pub detail: String,
    /// For [`Reason::Policy`]: the registry's code of every rule that says no, in the policy's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<String>,
}

impl Refusal {
    /// By `reason`, with words.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            codes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_leaves_doubt_about_earlier_signatures_releases_nothing() {
        use Reason::{ForeignReceipt, Frozen, Malformed, TransactionReused};
        let doubtful: Vec<Reason> = Reason::ALL
            .iter()
            .copied()
            .filter(|reason| !reason.proves_never_signed())
            .collect();
        assert_eq!(doubtful, [Malformed, ForeignReceipt, Frozen, TransactionReused]);
    }

    #[test]
    fn reasons_travel_as_camel_case_words() {
        assert_eq!(serde_json::to_string(&Reason::WrongWallet).unwrap(), "\"wrongWallet\"");
    }
}
