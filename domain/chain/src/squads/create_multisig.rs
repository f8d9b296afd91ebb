//! `multisig_create_v2`: a new multisig, with a vault that needs no making.

use {
    super::Memo,
    crate::{
        action::{self, Act, Field, InstructionError, fields},
        bytes::{Malformed, Reader, Writer},
        instruction::{AccountMeta, Instruction},
        pda,
        program::Programs,
    },
    portreeve_kernel::Address,
};

pub(super) const DISCRIMINATOR: [u8; 8] = [50, 221, 199, 93, 40, 245, 139, 233];

/// Initiate (1), vote (2) and execute (4).
pub const PERMISSION_ALL: u8 = 7;

/// Who may do what with a multisig's proposals. Spending under a limit does not ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Whose key.
    pub key: Address,
    /// 1 initiate, 2 vote, 4 execute, added up.
    pub permissions: u8,
}

impl Member {
    pub(crate) fn read(data: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (key, permissions) = (data.address("members")?, data.u8("members")?);
        Ok(Self { key, permissions })
    }
}

/// Makes a multisig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateMultisig {
    /// Where Squads' creation fee goes; the chain refuses any but the program's own.
    pub treasury: Address,
    /// Gives the multisig its address, and signs.
    pub create_key: Address,
    /// Pays fee and rent, and signs.
    pub creator: Address,
    /// May change the multisig on its own signature; none means that members vote.
    pub config_authority: Option<Address>,
    /// Votes it takes.
    pub threshold: u16,
    /// Who votes.
    pub members: Vec<Member>,
    /// Seconds from approval to execution of a proposal.
    pub time_lock: u32,
    /// Gets the rent of closed accounts back.
    pub rent_collector: Option<Address>,
    /// Free text.
    pub memo: Memo,
}

impl Act for CreateMultisig {
    const NAME: &'static str = "multisig_create_v2";

    fn instruction(&self, programs: &Programs) -> Instruction {
        let data = Writer::default()
            .put(&DISCRIMINATOR)
            .option(self.config_authority, Writer::address)
            .u16(self.threshold)
            .list(&self.members, |to, member| {
                to.address(member.key).u8(member.permissions)
            })
            .u32(self.time_lock)
            .option(self.rent_collector, Writer::address)
            .option(self.memo.as_deref(), Writer::text);
        Instruction {
            program: programs.squads,
            accounts: vec![
                AccountMeta::readonly(pda::program_config(programs)),
                AccountMeta::writable(self.treasury),
                AccountMeta::writable(pda::multisig(programs, &self.create_key)),
                AccountMeta::readonly(self.create_key).signing(),
                AccountMeta::writable(self.creator).signing(),
                AccountMeta::readonly(Address::SYSTEM_PROGRAM),
            ],
            data: data.into_bytes(),
        }
    }

    fn read(_: &Programs, call: &Instruction, data: &mut Reader<'_>) -> Result<Self, InstructionError> {
        let [_config, treasury, _multisig, create_key, creator, _system] = action::accounts::<Self, 6>(call)?;
        let mut arguments = || {
            Ok(Self {
                treasury,
                create_key,
                creator,
                config_authority: data.option("config_authority", |data| data.address("config_authority"))?,
                threshold: data.u16("threshold")?,
                members: data.list("members", Member::read)?,
                time_lock: data.u32("time_lock")?,
                rent_collector: data.option("rent_collector", |data| data.address("rent_collector"))?,
                memo: data.option("memo", |data| data.text("memo"))?,
            })
        };
        action::data::<Self, _>(arguments())
    }

    fn fields(&self) -> Vec<Field> {
        fields!(self; treasury, create_key, creator, config_authority, threshold, members, time_lock, rent_collector, memo)
    }
}
