//! `multisig_add_spending_limit` and `multisig_remove_spending_limit`. There is no change: remove and add, in one
//! transaction, which fills the limit up again.

use {
    super::{Memo, asset_of, mint_of},
    crate::{
        action::{self, Act, Field, InstructionError, fields},
        bytes::{Malformed, Reader, Writer},
        instruction::{AccountMeta, Instruction},
        pda,
        program::Programs,
    },
    portreeve_kernel::{Address, Amount, Asset},
};

pub(super) const ADD: [u8; 8] = [11, 242, 159, 42, 86, 197, 89, 115];
pub(super) const REMOVE: [u8; 8] = [228, 198, 136, 111, 123, 4, 178, 113];

/// How often a limit fills up again, in whole steps from its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Never.
    OneTime,
    /// Every 86,400 s.
    Day,
    /// Every 604,800 s.
    Week,
    /// Every 2,592,000 s.
    Month,
}

impl Period {
    const ALL: [Self; 4] = [Self::OneTime, Self::Day, Self::Week, Self::Month];

    const fn number(self) -> u8 {
        match self {
            Self::OneTime => 0,
            Self::Day => 1,
            Self::Week => 2,
            Self::Month => 3,
        }
    }

    pub(crate) fn read(data: &mut Reader<'_>) -> Result<Self, Malformed> {
        let number = data.u8("period")?;
        let unknown = Malformed::Value {
            field: "period",
            value: u64::from(number),
        };
        Self::ALL
            .into_iter()
            .find(|period| period.number() == number)
            .ok_or(unknown)
    }
}

/// Lets `members` of the limit spend up to `amount` of `asset` per period, to `destinations`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddSpendingLimit {
    /// Whose vault is spent from.
    pub multisig: Address,
    /// The multisig's; signs.
    pub config_authority: Address,
    /// Pays the account's rent, and signs.
    pub rent_payer: Address,
    /// Gives the limit its address. Does not sign.
    pub create_key: Address,
    /// Which of the multisig's vaults.
    pub vault_index: u8,
    /// What may be spent.
    pub asset: Asset,
    /// How much per period.
    pub amount: Amount,
    /// How long a period is.
    pub period: Period,
    /// Whose keys may spend, whether or not they are members of the multisig.
    pub members: Vec<Address>,
    /// Whom they may pay: owners, not token accounts. Empty means anybody.
    pub destinations: Vec<Address>,
    /// Free text.
    pub memo: Memo,
}

/// Ends a limit, whatever was left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoveSpendingLimit {
    /// Whose limit.
    pub multisig: Address,
    /// The multisig's; signs.
    pub config_authority: Address,
    /// The limit.
    pub limit: Address,
    /// Gets the account's rent.
    pub rent_collector: Address,
    /// Free text.
    pub memo: Memo,
}

impl Act for AddSpendingLimit {
    const NAME: &'static str = "multisig_add_spending_limit";

    fn instruction(&self, programs: &Programs) -> Instruction {
        let limit = pda::spending_limit(programs, &self.multisig, &self.create_key);
        let data = Writer::default()
            .put(&ADD)
            .address(self.create_key)
            .u8(self.vault_index)
            .address(mint_of(self.asset))
            .u64(self.amount.units())
            .u8(self.period.number())
            .list(&self.members, Writer::address)
            .list(&self.destinations, Writer::address)
            .option(self.memo.as_deref(), Writer::text);
        Instruction {
            program: programs.squads,
            accounts: vec![
                AccountMeta::readonly(self.multisig),
                AccountMeta::readonly(self.config_authority).signing(),
                AccountMeta::writable(limit),
                AccountMeta::writable(self.rent_payer).signing(),
                AccountMeta::readonly(Address::SYSTEM_PROGRAM),
            ],
            data: data.into_bytes(),
        }
    }

    fn read(_: &Programs, call: &Instruction, data: &mut Reader<'_>) -> Result<Self, InstructionError> {
        let [multisig, config_authority, _limit, rent_payer, _system] = action::accounts::<Self, 5>(call)?;
        let mut arguments = || {
            Ok(Self {
                multisig,
                config_authority,
                rent_payer,
                create_key: data.address("create_key")?,
                vault_index: data.u8("vault_index")?,
                asset: asset_of(data.address("mint")?),
                amount: data.amount("amount")?,
                period: Period::read(data)?,
                members: data.list("members", |data| data.address("members"))?,
                destinations: data.list("destinations", |data| data.address("destinations"))?,
                memo: data.option("memo", |data| data.text("memo"))?,
            })
        };
        action::data::<Self, _>(arguments())
    }

    fn fields(&self) -> Vec<Field> {
        fields!(
            self; multisig, config_authority, rent_payer, create_key, vault_index, asset, amount, period, members,
            destinations, memo
        )
    }
}

impl Act for RemoveSpendingLimit {
    const NAME: &'static str = "multisig_remove_spending_limit";

    fn instruction(&self, programs: &Programs) -> Instruction {
        let data = Writer::default()
            .put(&REMOVE)
            .option(self.memo.as_deref(), Writer::text);
        Instruction {
            program: programs.squads,
            accounts: vec![
                AccountMeta::readonly(self.multisig),
                AccountMeta::readonly(self.config_authority).signing(),
                AccountMeta::writable(self.limit),
                AccountMeta::writable(self.rent_collector),
            ],
            data: data.into_bytes(),
        }
    }

    fn read(_: &Programs, call: &Instruction, data: &mut Reader<'_>) -> Result<Self, InstructionError> {
        let [multisig, config_authority, limit, rent_collector] = action::accounts::<Self, 4>(call)?;
        let memo = action::data::<Self, _>(data.option("memo", |data| data.text("memo")))?;
        Ok(Self {
            multisig,
            config_authority,
            limit,
            rent_collector,
            memo,
        })
    }

    fn fields(&self) -> Vec<Field> {
        fields!(self; multisig, config_authority, limit, rent_collector, memo)
    }
}
