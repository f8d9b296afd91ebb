//! How a reservation ends: settled because it landed, or released because it is proven that it never will.

use {
    crate::{LedgerError, key::AccountKey},
    std::{collections::BTreeMap, fmt, str::FromStr},
};

/// Blocks past a transaction's last valid height that must be finalized before it counts as dead.
pub const EXPIRY_MARGIN_BLOCKS: u64 = 32;

/// The state of a reservation in one of its accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReservationState {
    /// Counts, and may still go either way.
    Reserved,
    /// Spent. Final.
    Settled,
    /// Given back. Final.
    Released,
}

impl ReservationState {
    /// Its name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Settled => "settled",
            Self::Released => "released",
        }
    }

    /// Reserved → settled. `None` when it is settled already.
    ///
    /// # Errors
    /// [`LedgerError::Final`] when it was released.
    pub const fn settle(self) -> Result<Option<Self>, LedgerError> {
        match self {
            Self::Reserved => Ok(Some(Self::Settled)),
            Self::Settled => Ok(None),
            Self::Released => Err(LedgerError::Final(self)),
        }
    }

    /// Reserved → released, in `account`, because of `proof`. `None` when there is nothing (more) to release: it was
    /// released before, or it is the signer's account, where what was signed stays spent.
    ///
    /// # Errors
    /// [`LedgerError::Final`] when it was settled; [`LedgerError::SignedCounts`] for the signer's account unless the
    /// proof is that nothing was signed: there the amount has to be settled first.
    pub const fn release(self, account: &AccountKey, proof: &Proof) -> Result<Option<Self>, LedgerError> {
        match (self, account, proof) {
            (Self::Released, _, _) => Ok(None),
            (Self::Settled, AccountKey::Signer { .. }, Proof::FailedOnChain { .. } | Proof::Expired(_)) => Ok(None),
            (Self::Settled, _, _) => Err(LedgerError::Final(self)),
            (Self::Reserved, AccountKey::Signer { .. }, Proof::FailedOnChain { .. } | Proof::Expired(_)) => {
                Err(LedgerError::SignedCounts)
            }
            (Self::Reserved, _, _) => Ok(Some(Self::Released)),
        }
    }
}

impl fmt::Display for ReservationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the state of a reservation")]
pub struct UnknownState(String);

impl FromStr for ReservationState {
    type Err = UnknownState;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Reserved, Self::Settled, Self::Released]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| UnknownState(text.chars().take(64).collect()))
    }
}

/// Why a transaction can never take the money. There is no other way to give budget back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// No signature over the transaction exists: it failed before signing, or the signer refused.
    NeverSigned,
    /// The chain finalized the transaction as failed, which returns the amount (never the fee).
    FailedOnChain {
        /// The finalized slot it failed in.
        slot: u64,
    },
    /// It was not seen, and can no longer land.
    Expired(ExpiredProof),
}

/// As it is kept with the reservation, for whoever asks later.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverSigned => f.write_str("never signed"),
            Self::FailedOnChain { slot } => write!(f, "failed on chain in slot {slot}"),
            Self::Expired(proof) => proof.fmt(f),
        }
    }
}

/// What one RPC operator said about a transaction at finalized commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorEvidence {
    /// The operator's name in the configuration. Two addresses of one operator are one witness.
    pub operator: String,
    /// A block height that the operator called finalized, read *before* it was asked for the signature.
    pub finalized_height: u64,
    /// True when the operator knew the signature, whatever it said about it.
    pub signature_seen: bool,
}

/// Proof that a transaction expired unseen. Can only be made from enough evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiredProof {
    last_valid_block_height: u64,
    operators: Vec<String>,
}

impl ExpiredProof {
    /// `Some` when at least `min_operators` different operators (never fewer than one) finalized more than
    /// [`EXPIRY_MARGIN_BLOCKS`] past `last_valid_block_height` and did not see the signature. One who saw it outweighs
    /// all others, and so does the same operator contradicting itself.
    #[must_use]
    pub fn new(last_valid_block_height: u64, evidence: &[OperatorEvidence], min_operators: usize) -> Option<Self> {
        if evidence.iter().any(|said| said.signature_seen) {
            return None;
        }
        let dead_above = last_valid_block_height.checked_add(EXPIRY_MARGIN_BLOCKS)?;
        let witnesses: BTreeMap<&str, u64> = evidence
            .iter()
            .filter(|said| said.finalized_height > dead_above)
            .map(|said| (said.operator.as_str(), said.finalized_height))
            .collect();
        (witnesses.len() >= min_operators.max(1)).then(|| Self {
            last_valid_block_height,
            operators: witnesses.into_keys().map(str::to_owned).collect(),
        })
    }
}

impl fmt::Display for ExpiredProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (height, operators) = (self.last_valid_block_height, self.operators.join(", "));
        write!(f, "unseen past block height {height}, said {operators}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(operator: &str, finalized_height: u64, signature_seen: bool) -> OperatorEvidence {
        OperatorEvidence {
            operator: operator.to_owned(),
            finalized_height,
            signature_seen,
        }
    }

    fn key(text: &str) -> AccountKey {
        text.replace('*', "01ARZ3NDEKTSV4RRFFQ69G5FAV").parse().unwrap()
    }

    #[test]
    fn a_transaction_is_dead_33_blocks_past_its_last_valid_height_and_not_one_sooner() {
        assert!(ExpiredProof::new(1000, &[said("a", 1032, false)], 1).is_none());
        let proof = ExpiredProof::new(1000, &[said("a", 1033, false)], 1).unwrap();
        assert_eq!(proof.to_string(), "unseen past block height 1000, said a");
    }

    #[test]
    fn two_witnesses_are_two_operators_and_not_one_asked_twice() {
        let (a, b) = (said("a", 2000, false), said("b", 2000, false));
        assert!(ExpiredProof::new(1000, &[a.clone(), a.clone()], 2).is_none());
        assert!(ExpiredProof::new(1000, &[a.clone(), said("b", 1032, false)], 2).is_none());
        assert!(ExpiredProof::new(1000, &[a, b], 2).is_some());
    }

    #[test]
    fn one_operator_that_saw_the_signature_outweighs_all_that_did_not() {
        let all = [said("a", 2000, false), said("b", 2000, false), said("c", 1, true)];
        assert!(ExpiredProof::new(1000, &all, 2).is_none());
        assert!(ExpiredProof::new(1000, &[said("a", 2000, true), said("a", 2001, false)], 1).is_none());
    }

    #[test]
    fn no_evidence_proves_nothing_even_when_none_is_asked_for() {
        assert!(ExpiredProof::new(0, &[], 0).is_none());
        assert!(ExpiredProof::new(u64::MAX, &[said("a", u64::MAX, false)], 1).is_none());
    }

    #[test]
    fn a_reservation_ends_once() {
        use ReservationState::{Released, Reserved, Settled};
        let agent = key("agent:agt_*:SOL");
        assert_eq!(Reserved.settle(), Ok(Some(Settled)));
        assert_eq!(Settled.settle(), Ok(None));
        assert_eq!(Released.settle(), Err(LedgerError::Final(Released)));
        for proof in [Proof::NeverSigned, Proof::FailedOnChain { slot: 1 }] {
            assert_eq!(Reserved.release(&agent, &proof), Ok(Some(Released)));
            assert_eq!(Released.release(&agent, &proof), Ok(None));
            assert_eq!(Settled.release(&agent, &proof), Err(LedgerError::Final(Settled)));
        }
    }

    #[test]
    fn what_was_signed_stays_spent_in_the_signers_account() {
        use ReservationState::{Released, Reserved, Settled};
        let signer = key("signer:agt_*:SOL");
        let expired = Proof::Expired(ExpiredProof::new(0, &[said("a", 33, false)], 1).unwrap());
        for proof in [expired, Proof::FailedOnChain { slot: 9 }] {
            assert_eq!(Reserved.release(&signer, &proof), Err(LedgerError::SignedCounts));
            assert_eq!(Settled.release(&signer, &proof), Ok(None), "and the rest may go back");
        }
        assert_eq!(Reserved.release(&signer, &Proof::NeverSigned), Ok(Some(Released)));
        assert_eq!(
            Settled.release(&signer, &Proof::NeverSigned),
            Err(LedgerError::Final(Settled)),
            "it was signed, so the proof is wrong"
        );
    }

    #[test]
    fn a_state_round_trips_through_its_text() {
        for state in ["reserved", "settled", "released"] {
            assert_eq!(state.parse::<ReservationState>().unwrap().to_string(), state);
        }
        assert!("pending".parse::<ReservationState>().is_err());
    }
}
