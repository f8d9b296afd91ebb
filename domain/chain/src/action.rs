//! What an instruction does, in our words. A closed list: what is not on it is refused, and a recognised refusal says
//! what it was, because that is what the owner will ask.
//!
//! An [`Action`] holds only what is free to choose. Addresses that follow from others (vaults, token accounts, the
//! program's own accounts) are derived again and compared, so an action never carries one that is wrong.

use {
    crate::{
        bytes::{Malformed, Reader},
        compute::{self, SetComputeUnitLimit, SetComputeUnitPrice},
        instruction::Instruction,
        program::{self, Programs, TokenProgram},
        squads::{self, AddSpendingLimit, CreateMultisig, RemoveSpendingLimit, UseSpendingLimit},
        system::{self, TransferSol},
        token::{self, CreateTokenAccount, TransferToken},
    },
    portreeve_kernel::Address,
    std::fmt,
};

/// Why an instruction is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstructionError {
    /// A program that no rule of ours is about.
    #[error("program `{0}` is not known here")]
    UnknownProgram(Address),
    /// An instruction we recognise and never sign.
    #[error("`{name}` of the {program} program is refused")]
    Refused {
        /// Whose instruction.
        program: &'static str,
        /// Which.
        name: &'static str,
    },
    /// An instruction of a known program that we do not recognise.
    #[error("the {0} program has no instruction known here that begins like this one")]
    UnknownInstruction(&'static str),
    /// The data is not exactly the fields it should be.
    #[error("`{name}`: {cause}")]
    Data {
        /// Which instruction.
        name: &'static str,
        /// What is wrong with it.
        cause: Malformed,
    },
    /// Too few accounts or too many.
    #[error("`{name}` takes {expected} accounts, not {found}")]
    AccountCount {
        /// Which instruction.
        name: &'static str,
        /// As many as it takes.
        expected: usize,
        /// As many as it was given.
        found: usize,
    },
    /// Not the account that belongs here.
    #[error("account {position} of `{name}` is `{found}` where `{expected}` belongs")]
    WrongAccount {
        /// Which instruction.
        name: &'static str,
        /// Counted from 0.
        position: usize,
        /// As derived from the other accounts.
        expected: Address,
        /// As given.
        found: Address,
    },
    /// An account that has to sign does not, or one that has to be writable is not.
    #[error("account {position} of `{name}`, `{account}`, lacks the right to {right}")]
    Privilege {
        /// Which instruction.
        name: &'static str,
        /// Counted from 0.
        position: usize,
        /// The account.
        account: Address,
        /// "sign" or "be changed".
        right: &'static str,
    },
    /// Tokens moved by something that is no token program.
    #[error("`{name}` names `{found}`, which is neither SPL Token nor Token-2022")]
    NotATokenProgram {
        /// Which instruction.
        name: &'static str,
        /// As given.
        found: Address,
    },
}

/// A field's name and value, for people.
pub type Field = (&'static str, String);

/// One kind of action. [`decode`] gives each the checks that are the same for all.
pub(crate) trait Act: Sized {
    /// As its program calls it.
    const NAME: &'static str;

    /// The one instruction that does this.
    fn instruction(&self, programs: &Programs) -> Instruction;

    /// Takes out what is free to choose; `data` stands behind the discriminator. What follows from it is not checked
    /// here.
    fn read(programs: &Programs, call: &Instruction, data: &mut Reader<'_>) -> Result<Self, InstructionError>;

    /// All of it, for people.
    fn fields(&self) -> Vec<Field>;
}

/// Lists every field of `Self`; a field that is left out does not compile.
macro_rules! fields {
    ($this:expr; $($field:ident),+) => {{
        let Self { $($field),+ } = $this;
        vec![$((stringify!($field), format!("{:?}", $field))),+]
    }};
}
pub(crate) use fields;

/// The accounts of `call`, which have to be exactly `N`.
pub(crate) fn accounts<T: Act, const N: usize>(call: &Instruction) -> Result<[Address; N], InstructionError> {
    let addresses: Vec<Address> = call.accounts.iter().map(|meta| meta.address).collect();
    addresses.try_into().map_err(|_| InstructionError::AccountCount {
        name: T::NAME,
        expected: N,
        found: call.accounts.len(),
    })
}

/// Names the instruction in what is wrong with its data.
pub(crate) fn data<T: Act, V>(value: Result<V, Malformed>) -> Result<V, InstructionError> {
    value.map_err(|cause| InstructionError::Data { name: T::NAME, cause })
}

/// The token program among the accounts.
pub(crate) fn token_program<T: Act>(found: Address) -> Result<TokenProgram, InstructionError> {
    TokenProgram::at(found).ok_or(InstructionError::NotATokenProgram { name: T::NAME, found })
}

/// Reads an action and builds it again: every account must be the one that belongs, with at least the rights it needs.
pub(crate) fn decode<T: Act>(
    programs: &Programs,
    call: &Instruction,
    mut reader: Reader<'_>,
) -> Result<T, InstructionError> {
    let found = T::read(programs, call, &mut reader)?;
    data::<T, _>(reader.end())?;
    let expected = found.instruction(programs);
    for (position, (expected, found)) in expected.accounts.iter().zip(&call.accounts).enumerate() {
        let (name, account) = (T::NAME, found.address);
        if expected.address != account {
            let expected = expected.address;
            return Err(InstructionError::WrongAccount {
                name,
                position,
                expected,
                found: account,
            });
        }
        if expected.signer && !found.signer {
            return Err(InstructionError::Privilege {
                name,
                position,
                account,
                right: "sign",
            });
        }
        if expected.writable && !found.writable {
            return Err(InstructionError::Privilege {
                name,
                position,
                account,
                right: "be changed",
            });
        }
    }
    Ok(found)
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident($act:ident),)+) => {
        /// Everything we build, and everything we understand.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Action {
            $($(#[$doc])* $name($act),)+
        }

        $(impl From<$act> for Action {
            fn from(act: $act) -> Self {
                Self::$name(act)
            }
        })+

        impl Action {
            /// As its program calls it.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$name(_) => <$act as Act>::NAME,)+ }
            }

            /// The one instruction that does this.
            #[must_use]
            pub fn instruction(&self, programs: &Programs) -> Instruction {
                match self { $(Self::$name(act) => act.instruction(programs),)+ }
            }

            /// Every field with its value, for people and for comparing.
            #[must_use]
            pub fn fields(&self) -> Vec<Field> {
                match self { $(Self::$name(act) => act.fields(),)+ }
            }
        }
    };
}

actions! {
    /// Makes a multisig.
    CreateMultisig(CreateMultisig),
    /// Lets members of a limit spend up to an amount per period.
    AddSpendingLimit(AddSpendingLimit),
    /// Ends a limit.
    RemoveSpendingLimit(RemoveSpendingLimit),
    /// Moves money out of a vault under a limit.
    UseSpendingLimit(UseSpendingLimit),
    /// Makes an associated token account unless it is there.
    CreateTokenAccount(CreateTokenAccount),
    /// Moves SOL out of an account that signs.
    TransferSol(TransferSol),
    /// Moves tokens whose owner signs.
    TransferToken(TransferToken),
    /// Bounds the compute units of the transaction.
    SetComputeUnitLimit(SetComputeUnitLimit),
    /// Offers a priority fee.
    SetComputeUnitPrice(SetComputeUnitPrice),
}

impl Action {
    /// Says what `call` does.
    ///
    /// # Errors
    /// [`InstructionError`] for every instruction that is not, to the last account and byte, one of ours. Rights beyond
    /// those needed are not refused here, because other instructions of the message may need them; [`crate::decode`]
    /// sees the whole.
    pub fn decode(programs: &Programs, call: &Instruction) -> Result<Self, InstructionError> {
        match call.program {
            id if id == programs.squads => squads::decode(programs, call),
            Address::SYSTEM_PROGRAM => system::decode(programs, call),
            program::TOKEN | program::TOKEN_2022 => token::decode(programs, call),
            program::ASSOCIATED_TOKEN => token::decode_associated(programs, call),
            program::COMPUTE_BUDGET => compute::decode(programs, call),
            stranger => Err(InstructionError::UnknownProgram(stranger)),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.fields()
            .iter()
            .try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}
