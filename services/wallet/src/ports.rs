//! What the wallet needs from outside itself: a chain and a signer. Rules never see more of them than this.

use {
    async_trait::async_trait,
    portreeve_chain::{Message, Signature, Transaction},
    portreeve_kernel::{Address, AgentId, Asset, OwnerProof, Timestamp, TransactionId},
    portreeve_ledger::OperatorEvidence,
    portreeve_payment::Height,
    portreeve_policy::AgentPolicy,
    portreeve_signing::{
        Bytes, Passkey, Pins, Receipt, Refusal,
        protocol::{self, Answer, Request},
    },
};

/// How sure the chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Commitment {
    /// In a block of this node's fork.
    Processed,
    /// Voted for by a supermajority; has never been rolled back, but could be.
    Confirmed,
    /// Irreversible. The ledger settles on nothing less.
    Finalized,
}

impl Commitment {
    /// As Solana's JSON-RPC writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Processed => "processed",
            Self::Confirmed => "confirmed",
            Self::Finalized => "finalized",
        }
    }

    /// From Solana's JSON-RPC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Processed, Self::Confirmed, Self::Finalized]
            .into_iter()
            .find(|level| level.as_str() == text)
    }
}

/// A recent blockhash, and the last block height at which a transaction that names it can land.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blockhash {
    /// The hash itself.
    pub hash: [u8; 32],
    /// In blocks, as the RPC counts them. `None` while too few operators agree on how high the chain is: one that is
    /// alone may say what it likes.
    pub last_valid_block_height: Option<u64>,
}

/// An account as the chain holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Balance, rent included.
    pub lamports: u64,
    /// The program that may change it.
    pub owner: Address,
    /// What that program keeps there.
    pub data: Vec<u8>,
}

/// Some accounts, as one operator holds them at one finalized block or a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Which operator. Two sightings by one are one witness.
    pub operator: String,
    /// The block, by its height.
    pub height: u64,
    /// One for each address that was asked for; `None` when there is none.
    pub accounts: Vec<Option<Account>>,
}

/// What became of a transaction, as far as a chain node knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureStatus {
    /// The slot it landed in.
    pub slot: u64,
    /// How sure that is.
    pub commitment: Commitment,
    /// Why it failed there, in the chain's words; `None` when it succeeded.
    pub error: Option<String>,
}

/// Why a simulation says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SimulationError {
    /// The chain's error, as JSON.
    pub error: String,
    /// The program's log, for people.
    pub logs: Vec<String>,
}

/// The chain did not answer. Nothing may be concluded from that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No operator answered.
    #[error("no RPC operator answers: {0}")]
    Unavailable(String),
    /// An answer that is not what the protocol says.
    #[error("the RPC operator's answer makes no sense: {0}")]
    Malformed(String),
}

/// The chain, through one or more RPC operators.
#[async_trait]
pub trait Chain: Send + Sync {
    /// Brings the clock up to date where the chain is the clock (the local one); elsewhere does nothing.
    async fn refresh_time(&self) -> Result<(), ChainError>;
    /// A blockhash to build on.
    async fn latest_blockhash(&self) -> Result<Blockhash, ChainError>;
    /// Height of the newest finalized block.
    async fn finalized_height(&self) -> Result<Height, ChainError>;
    /// What each operator says that `addresses` hold, finalized. Those that do not answer are not there.
    async fn sightings(&self, addresses: &[Address]) -> Vec<Sighting>;
    /// What `addresses` hold, as the first operator that answers says: for what others check again.
    async fn accounts(&self, addresses: &[Address], at: Commitment) -> Result<Vec<Option<Account>>, ChainError>;
    /// Balance in lamports and the slot it was read at.
    async fn balance(&self, address: Address) -> Result<(u64, u64), ChainError>;
    /// Runs a transaction without keeping its effects; signatures need not be there.
    async fn simulate(&self, wire: &[u8]) -> Result<Result<(), SimulationError>, ChainError>;
    /// Hands a signed transaction over, to every operator. An answer is no proof of anything; only a status is.
    async fn send(&self, wire: &[u8]) -> Result<(), ChainError>;
    /// What became of a signature. Finalized only when as many operators say so as a proof takes.
    async fn status(&self, signature: &str) -> Result<Option<SignatureStatus>, ChainError>;
    /// When the block of `slot` was made.
    async fn block_time(&self, slot: u64) -> Result<Option<Timestamp>, ChainError>;
    /// What each operator says about a signature and the finalized height, for a proof that it can never land.
    async fn evidence(&self, signature: &str) -> Vec<OperatorEvidence>;
    /// How many distinct operators a proof takes.
    fn min_operators(&self) -> usize;
}

/// The wire form of a message with empty signatures, which a dry run takes.
///
/// # Errors
/// [`ChainError::Malformed`] for a message that nobody signs, which we never build.
pub(crate) fn unsigned(message: &Message) -> Result<Vec<u8>, ChainError> {
    let empty: Vec<_> = message
        .signers()
        .iter()
        .map(|key| (*key, Signature::new([0; 64])))
        .collect();
    let transaction = Transaction::assemble(message.clone(), &empty);
    transaction
        .map(|transaction| transaction.to_wire())
        .map_err(|error| ChainError::Malformed(error.to_string()))
}

/// Why the signer did not do it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// It answered, and the answer is no.
    #[error("the signer refuses: {0}")]
    Refused(Refusal),
    /// No answer, or none that can be understood. It may have signed: ask again with the same bytes.
    #[error("the signer does not answer: {0}")]
    Unavailable(String),
}

impl SignerError {
    /// True when nothing was ever signed under the transaction's id.
    #[must_use]
    pub const fn proves_never_signed(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.reason.proves_never_signed(),
            Self::Unavailable(_) => false,
        }
    }
}

/// The isolated signer. What may be asked and what comes back is [`portreeve_signing::protocol`].
#[async_trait]
pub trait Signer: Send + Sync {
    /// Asks one thing.
    async fn ask(&self, request: Request) -> Result<Answer, SignerError>;

    /// The newest receipt ever seen, to be kept with what was signed.
    fn receipt(&self) -> Option<Receipt>;
}

/// One kind of answer, picked out of all.
macro_rules! asks {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $kind:ty),*) -> $answer:ty = $request:expr => $pattern:pat => $value:expr;)+) => {
        impl dyn Signer + '_ {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// [`SignerError`]; an answer of another kind counts as none.
            pub async fn $name(&self, $($argument: $kind),*) -> Result<$answer, SignerError> {
                match self.ask($request).await? {
                    $pattern => Ok($value),
                    other => Err(SignerError::Unavailable(format!("another answer than asked for: {other:?}"))),
                }
            }
        )+}
    };
}

asks! {
    /// Does it live, and may it sign?
    health() -> protocol::Health = Request::Health => Answer::Health(health) => health;
    /// The keys every wallet of this installation shares.
    enrolment() -> protocol::Enrolment = Request::Enrolment => Answer::Enrolment(enrolment) => enrolment;
    /// Makes the agent's key, or names the one that is there.
    create_key(agent: &AgentId) -> Address =
        Request::CreateAgentKey { agent: agent.clone() } => Answer::AgentKey(key) => key.agent_key;
    /// Hands over a policy with the owner's proof.
    approve_policy(agent: &AgentId, policy: &AgentPolicy, proof: &OwnerProof) -> protocol::Approved =
        Request::ApprovePolicy { agent: agent.clone(), policy: Box::new(policy.clone()), proof: Some(proof.clone()) }
        => Answer::Approved(approved) => approved;
    /// Signs one spend. The same id with the same message gives the same answer, for ever.
    sign_spend(transaction: &TransactionId, agent: &AgentId, message: &[u8]) -> protocol::SignedSpend =
        Request::SignSpend { transaction: transaction.clone(), agent: agent.clone(), message: Bytes(message.to_vec()) }
        => Answer::Spend(spend) => spend;
    /// Signs the creation of the wallet and its limits.
    sign_setup(agent: &AgentId, message: &[u8]) -> protocol::Signed =
        Request::SignSetup { agent: agent.clone(), message: Bytes(message.to_vec()) } => Answer::Signed(signed) => signed;
    /// Signs the removal of limits.
    sign_limit_removal(agent: &AgentId, message: &[u8]) -> protocol::Signed =
        Request::SignLimitRemoval { agent: agent.clone(), message: Bytes(message.to_vec()) } => Answer::Signed(signed) => signed;
    /// Signs putting the limits back.
    sign_limit_restore(agent: &AgentId, message: &[u8]) -> protocol::Signed =
        Request::SignLimitRestore { agent: agent.clone(), message: Bytes(message.to_vec()) } => Answer::Signed(signed) => signed;
    /// Stops signing spends for the agent.
    suspend(agent: &AgentId) -> protocol::Suspension =
        Request::Suspend { agent: agent.clone() } => Answer::Suspension(suspension) => suspension;
    /// What the owner signs to lift the present suspension.
    resume_challenge(agent: &AgentId) -> protocol::Suspension =
        Request::ResumeChallenge { agent: agent.clone() } => Answer::Suspension(suspension) => suspension;
    /// Signs spends for the agent again.
    resume(agent: &AgentId, proof: &OwnerProof) -> () =
        Request::Resume { agent: agent.clone(), proof: proof.clone() } => Answer::Resumed => ();
    /// Sees to it that a payment is never signed, unless it was already: then that answer again.
    void_spend(transaction: &TransactionId, agent: &AgentId) -> protocol::Voided =
        Request::VoidSpend { transaction: transaction.clone(), agent: agent.clone() } => Answer::Voided(voided) => voided;
    /// What the signer has booked for an asset.
    headroom(agent: &AgentId, asset: Asset) -> protocol::Headroom =
        Request::Headroom { agent: agent.clone(), asset } => Answer::Headroom(headroom) => headroom;
    /// Whose word is the owner's.
    pins() -> Pins = Request::Pins => Answer::Pins(pins) => pins;
    /// Takes a passkey's word for the owner's, on the word of who is pinned already.
    pin_passkey(passkey: &Passkey, proof: &OwnerProof) -> Pins =
        Request::PinPasskey { passkey: passkey.clone(), proof: proof.clone() } => Answer::Pins(pins) => pins;
    /// Takes it no longer.
    unpin_passkey(credential_id: &str) -> Pins =
        Request::UnpinPasskey { credential_id: credential_id.to_owned() } => Answer::Pins(pins) => pins;
    /// Destroys the agent's key, for good.
    destroy_key(agent: &AgentId) -> () = Request::DestroyKey { agent: agent.clone() } => Answer::KeyDestroyed => ();
}
