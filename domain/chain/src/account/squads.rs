//! The accounts of Squads v4.

use {
    crate::{
        bytes::{Malformed, Reader},
        squads::{Member, Period, asset_of},
    },
    portreeve_kernel::{Address, Asset},
};

const MULTISIG: [u8; 8] = [224, 116, 121, 186, 68, 161, 79, 236];
const SPENDING_LIMIT: [u8; 8] = [10, 201, 27, 160, 218, 195, 222, 152];
const PROGRAM_CONFIG: [u8; 8] = [196, 210, 90, 231, 144, 149, 140, 63];

/// The rules of a multisig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multisig {
    /// Gave it its address.
    pub create_key: Address,
    /// May change it alone; all zeros when members have to vote on changes.
    pub config_authority: Address,
    /// Votes it takes.
    pub threshold: u16,
    /// Seconds from approval to execution of a proposal.
    pub time_lock: u32,
    /// Number of its newest proposal; 0 when there was none.
    pub transaction_index: u64,
    /// Proposals up to this number can no longer be approved.
    pub stale_transaction_index: u64,
    /// Gets the rent of closed accounts back.
    pub rent_collector: Option<Address>,
    /// Of its address.
    pub bump: u8,
    /// Who votes.
    pub members: Vec<Member>,
}

/// A limit and how much of it is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendingLimit {
    /// Whose.
    pub multisig: Address,
    /// Gave it its address.
    pub create_key: Address,
    /// Which vault it spends from.
    pub vault_index: u8,
    /// What may be spent.
    pub asset: Asset,
    /// Per period, in base units.
    pub amount: u64,
    /// How long a period is.
    pub period: Period,
    /// What was left at the last use. A period that has passed since refills it only at the next.
    pub remaining_amount: u64,
    /// When the running period began, in Unix seconds of the chain.
    pub last_reset: i64,
    /// Of its address.
    pub bump: u8,
    /// Whose keys may spend.
    pub members: Vec<Address>,
    /// Whom they may pay; empty means anybody.
    pub destinations: Vec<Address>,
}

/// What making a multisig costs, and who gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramConfig {
    /// May change it.
    pub authority: Address,
    /// Lamports.
    pub multisig_creation_fee: u64,
    /// Where they go.
    pub treasury: Address,
}

fn begin<'a>(data: &'a [u8], discriminator: [u8; 8], kind: &'static str) -> Result<Reader<'a>, Malformed> {
    let mut reader = Reader::new(data);
    match reader.array("discriminator") {
        Ok(found) if found == discriminator => Ok(reader),
        _ => Err(Malformed::Kind(kind)),
    }
}

impl Multisig {
    /// Reads an account of the Squads program.
    ///
    /// # Errors
    /// [`Malformed`] for another kind of account and for bytes that end too soon.
    pub fn decode(data: &[u8]) -> Result<Self, Malformed> {
        let mut data = begin(data, MULTISIG, "multisig")?;
        Ok(Self {
            create_key: data.address("create_key")?,
            config_authority: data.address("config_authority")?,
            threshold: data.u16("threshold")?,
            time_lock: data.u32("time_lock")?,
            transaction_index: data.u64("transaction_index")?,
            stale_transaction_index: data.u64("stale_transaction_index")?,
            rent_collector: data.option("rent_collector", |data| data.address("rent_collector"))?,
            bump: data.u8("bump")?,
            members: data.list("members", Member::read)?,
        })
    }
}

impl SpendingLimit {
    /// Reads an account of the Squads program.
    ///
    /// # Errors
    /// [`Malformed`] for another kind of account and for bytes that end too soon.
    pub fn decode(data: &[u8]) -> Result<Self, Malformed> {
        let mut data = begin(data, SPENDING_LIMIT, "spending limit")?;
        Ok(Self {
            multisig: data.address("multisig")?,
            create_key: data.address("create_key")?,
            vault_index: data.u8("vault_index")?,
            asset: asset_of(data.address("mint")?),
            amount: data.u64("amount")?,
            period: Period::read(&mut data)?,
            remaining_amount: data.u64("remaining_amount")?,
            last_reset: data.i64("last_reset")?,
            bump: data.u8("bump")?,
            members: data.list("members", |data| data.address("members"))?,
            destinations: data.list("destinations", |data| data.address("destinations"))?,
        })
    }
}

impl ProgramConfig {
    /// Reads an account of the Squads program.
    ///
    /// # Errors
    /// [`Malformed`] for another kind of account and for bytes that end too soon.
    pub fn decode(data: &[u8]) -> Result<Self, Malformed> {
        let mut data = begin(data, PROGRAM_CONFIG, "program config")?;
        Ok(Self {
            authority: data.address("authority")?,
            multisig_creation_fee: data.u64("multisig_creation_fee")?,
            treasury: data.address("treasury")?,
        })
    }
}
