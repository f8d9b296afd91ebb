//! `spending_limit_use`: the one instruction that moves an agent's money.

use {
    super::{Memo, VAULT},
    crate::{
        action::{self, Act, Field, InstructionError, fields},
        bytes::{Malformed, Reader, Writer},
        instruction::{AccountMeta, Instruction},
        pda,
        program::{Programs, TokenProgram},
    },
    portreeve_kernel::{Address, Amount, Asset, Mint},
};

pub(super) const DISCRIMINATOR: [u8; 8] = [16, 57, 130, 127, 193, 20, 155, 134];

/// Lamports per SOL as a power of ten.
const SOL_DECIMALS: u8 = 9;

/// What moves, and what has to be known to move it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// SOL, by the system program.
    Sol,
    /// A token, by its program, between associated token accounts.
    Token {
        /// Which token.
        mint: Mint,
        /// Which program holds it.
        program: TokenProgram,
        /// The mint's; the chain refuses another number.
        decimals: u8,
    },
}

impl Currency {
    /// What a policy calls it.
    #[must_use]
    pub const fn asset(&self) -> Asset {
        match self {
            Self::Sol => Asset::Sol,
            Self::Token { mint, .. } => Asset::Token(*mint),
        }
    }

    /// The program that moves it, which a policy may list.
    #[must_use]
    pub const fn program(&self) -> Address {
        match self {
            Self::Sol => Address::SYSTEM_PROGRAM,
            Self::Token { program, .. } => program.address(),
        }
    }

    const fn decimals(&self) -> u8 {
        match self {
            Self::Sol => SOL_DECIMALS,
            Self::Token { decimals, .. } => *decimals,
        }
    }
}

/// Pays `amount` out of the multisig's [`VAULT`], under a limit, on `member`'s signature alone.
///
/// Vault and token accounts follow from the rest. The limit's address does not: compare it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseSpendingLimit {
    /// Whose vault pays.
    pub multisig: Address,
    /// One of the limit's members; signs.
    pub member: Address,
    /// The limit.
    pub limit: Address,
    /// Who is paid: for tokens the owner of the token account.
    pub destination: Address,
    /// What.
    pub currency: Currency,
    /// How much, in lamports or the mint's smallest unit.
    pub amount: Amount,
    /// Makes equal payments differ. Ours is the transaction id.
    pub memo: Memo,
}

impl Act for UseSpendingLimit {
    const NAME: &'static str = "spending_limit_use";

    fn instruction(&self, programs: &Programs) -> Instruction {
        let vault = pda::vault(programs, &self.multisig, VAULT);
        let missing = AccountMeta::readonly(programs.squads);
        let moved_by = match self.currency {
            Currency::Sol => [
                AccountMeta::readonly(Address::SYSTEM_PROGRAM),
                missing,
                missing,
                missing,
                missing,
            ],
            Currency::Token { mint, program, .. } => [
                missing,
                AccountMeta::readonly(mint.address()),
                AccountMeta::writable(pda::associated_token(&vault, &mint, program)),
                AccountMeta::writable(pda::associated_token(&self.destination, &mint, program)),
                AccountMeta::readonly(program.address()),
            ],
        };
        let parties = [
            AccountMeta::readonly(self.multisig),
            AccountMeta::readonly(self.member).signing(),
            AccountMeta::writable(self.limit),
            AccountMeta::writable(vault),
            AccountMeta::writable(self.destination),
        ];
        let data = Writer::default()
            .put(&DISCRIMINATOR)
            .u64(self.amount.units())
            .u8(self.currency.decimals())
            .option(self.memo.as_deref(), Writer::text);
        Instruction {
            program: programs.squads,
            accounts: [parties, moved_by].concat(),
            data: data.into_bytes(),
        }
    }

    fn read(programs: &Programs, call: &Instruction, data: &mut Reader<'_>) -> Result<Self, InstructionError> {
        let [
            multisig,
            member,
            limit,
            _vault,
            destination,
            _system,
            mint,
            _from,
            _to,
            token,
        ] = action::accounts::<Self, 10>(call)?;
        let amount = action::data::<Self, _>(data.amount("amount"))?;
        let decimals = action::data::<Self, _>(data.u8("decimals"))?;
        let memo = action::data::<Self, _>(data.option("memo", |data| data.text("memo")))?;
        let currency = if mint != programs.squads {
            let (mint, program) = (Mint::new(mint), action::token_program::<Self>(token)?);
            Currency::Token {
                mint,
                program,
                decimals,
            }
        } else if decimals == SOL_DECIMALS {
            Currency::Sol
        } else {
            let cause = Malformed::Value {
                field: "decimals",
                value: u64::from(decimals),
            };
            return Err(InstructionError::Data {
                name: Self::NAME,
                cause,
            });
        };
        Ok(Self {
            multisig,
            member,
            limit,
            destination,
            currency,
            amount,
            memo,
        })
    }

    fn fields(&self) -> Vec<Field> {
        fields!(self; multisig, member, limit, destination, currency, amount, memo)
    }
}
