//! SPL Token, Token-2022, and the associated token accounts of both.
//!
//! A token account has an owner, and rules are about owners. So we pay only into the associated account, which follows
//! from the owner: then the account in the instruction and the owner in the policy cannot be two people.

use {
    crate::{
        action::{self, Act, Action, Field, InstructionError, fields},
        bytes::{Reader, Writer},
        instruction::{AccountMeta, Instruction},
        pda,
        program::{self, Programs, TokenProgram},
    },
    portreeve_kernel::{Address, Amount, Mint},
};

/// By number. What follows is Token-2022's.
const NAMES: [&str; 45] = [
    "InitializeMint",
    "InitializeAccount",
    "InitializeMultisig",
    "Transfer",
    "Approve",
    "Revoke",
    "SetAuthority",
    "MintTo",
    "Burn",
    "CloseAccount",
    "FreezeAccount",
    "ThawAccount",
    "TransferChecked",
    "ApproveChecked",
    "MintToChecked",
    "BurnChecked",
    "InitializeAccount2",
    "SyncNative",
    "InitializeAccount3",
    "InitializeMultisig2",
    "InitializeMint2",
    "GetAccountDataSize",
    "InitializeImmutableOwner",
    "AmountToUiAmount",
    "UiAmountToAmount",
    "InitializeMintCloseAuthority",
    "TransferFeeExtension",
    "ConfidentialTransferExtension",
    "DefaultAccountStateExtension",
    "Reallocate",
    "MemoTransferExtension",
    "CreateNativeMint",
    "InitializeNonTransferableMint",
    "InterestBearingMintExtension",
    "CpiGuardExtension",
    "InitializePermanentDelegate",
    "TransferHookExtension",
    "ConfidentialTransferFeeExtension",
    "WithdrawExcessLamports",
    "MetadataPointerExtension",
    "GroupPointerExtension",
    "GroupMemberPointerExtension",
    "ConfidentialMintBurnExtension",
    "ScaledUiAmountExtension",
    "PausableExtension",
];

/// The associated token program's, by number.
const ASSOCIATED_NAMES: [&str; 3] = ["Create", "CreateIdempotent", "RecoverNested"];

const TRANSFER_CHECKED: u8 = 12;
const CREATE_IDEMPOTENT: u8 = 1;

/// Moves tokens whose owner signs, and has the mint's decimals checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferToken {
    /// Which program holds the token.
    pub program: TokenProgram,
    /// The token account that pays.
    pub source: Address,
    /// The token.
    pub mint: Mint,
    /// The token account that is paid. Whose it is, this instruction does not say.
    pub destination: Address,
    /// Owner or delegate of `source`; signs.
    pub authority: Address,
    /// In the mint's smallest unit.
    pub amount: Amount,
    /// The mint's; the program refuses another number.
    pub decimals: u8,
}

/// Makes the associated token account of `owner`, unless it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTokenAccount {
    /// Pays the account's rent (about 0.002 SOL), and signs.
    pub payer: Address,
    /// Whose tokens it will hold.
    pub owner: Address,
    /// The token.
    pub mint: Mint,
    /// Which program holds the token.
    pub program: TokenProgram,
}

impl Act for TransferToken {
    const NAME: &'static str = "TransferChecked";

    fn instruction(&self, _: &Programs) -> Instruction {
        Instruction {
            program: self.program.address(),
            accounts: vec![
                AccountMeta::writable(self.source),
                AccountMeta::readonly(self.mint.address()),
                AccountMeta::writable(self.destination),
                AccountMeta::readonly(self.authority).signing(),
            ],
            data: Writer::default()
                .u8(TRANSFER_CHECKED)
                .u64(self.amount.units())
                .u8(self.decimals)
                .into_bytes(),
        }
    }

    fn read(_: &Programs, call: &Instruction, data: &mut Reader<'_>) -> Result<Self, InstructionError> {
        let [source, mint, destination, authority] = action::accounts::<Self, 4>(call)?;
        Ok(Self {
            program: action::token_program::<Self>(call.program)?,
            source,
            mint: Mint::new(mint),
            destination,
            authority,
            amount: action::data::<Self, _>(data.amount("amount"))?,
            decimals: action::data::<Self, _>(data.u8("decimals"))?,
        })
    }

    fn fields(&self) -> Vec<Field> {
        fields!(self; program, source, mint, destination, authority, amount, decimals)
    }
}

impl Act for CreateTokenAccount {
    const NAME: &'static str = "CreateIdempotent";

    fn instruction(&self, _: &Programs) -> Instruction {
        Instruction {
            program: program::ASSOCIATED_TOKEN,
            accounts: vec![
                AccountMeta::writable(self.payer).signing(),
                AccountMeta::writable(pda::associated_token(&self.owner, &self.mint, self.program)),
                AccountMeta::readonly(self.owner),
                AccountMeta::readonly(self.mint.address()),
                AccountMeta::readonly(Address::SYSTEM_PROGRAM),
                AccountMeta::readonly(self.program.address()),
            ],
            data: vec![CREATE_IDEMPOTENT],
        }
    }

    fn read(_: &Programs, call: &Instruction, _: &mut Reader<'_>) -> Result<Self, InstructionError> {
        let [payer, _account, owner, mint, _system, program] = action::accounts::<Self, 6>(call)?;
        Ok(Self {
            payer,
            owner,
            mint: Mint::new(mint),
            program: action::token_program::<Self>(program)?,
        })
    }

    fn fields(&self) -> Vec<Field> {
        fields!(self; payer, owner, mint, program)
    }
}

pub(crate) fn decode(programs: &Programs, call: &Instruction) -> Result<Action, InstructionError> {
    let unknown = InstructionError::UnknownInstruction("token");
    let mut reader = Reader::new(&call.data);
    match reader.u8("instruction").map_err(|_| unknown.clone())? {
        TRANSFER_CHECKED => action::decode::<TransferToken>(programs, call, reader).map(Action::from),
        other => Err(named(&NAMES, other, "token").unwrap_or(unknown)),
    }
}

pub(crate) fn decode_associated(programs: &Programs, call: &Instruction) -> Result<Action, InstructionError> {
    let unknown = InstructionError::UnknownInstruction("associated token");
    let mut reader = Reader::new(&call.data);
    match reader.u8("instruction").unwrap_or(0) {
        CREATE_IDEMPOTENT => action::decode::<CreateTokenAccount>(programs, call, reader).map(Action::from),
        other => Err(named(&ASSOCIATED_NAMES, other, "associated token").unwrap_or(unknown)),
    }
}

fn named(names: &[&'static str], number: u8, program: &'static str) -> Option<InstructionError> {
    let name = names.get(usize::from(number)).copied()?;
    Some(InstructionError::Refused { program, name })
}
