//! The system program: it moves SOL. Everything else it can do is refused, nonces above all: a transaction on a durable
//! nonce never expires, and what never expires can never be proven unspent.

use {
    crate::{
        action::{self, Act, Action, Field, InstructionError, fields},
        bytes::{Reader, Writer},
        instruction::{AccountMeta, Instruction},
        program::Programs,
    },
    portreeve_kernel::{Address, Amount},
};

const TRANSFER: u32 = 2;

/// By number.
const NAMES: [&str; 14] = [
    "CreateAccount",
    "Assign",
    "Transfer",
    "CreateAccountWithSeed",
    "AdvanceNonceAccount",
    "WithdrawNonceAccount",
    "InitializeNonceAccount",
    "AuthorizeNonceAccount",
    "Allocate",
    "AllocateWithSeed",
    "AssignWithSeed",
    "TransferWithSeed",
    "UpgradeNonceAccount",
    "CreateAccountAllowPrefund",
];

/// Moves SOL out of an account that signs. A vault cannot sign, so this never spends an agent's money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferSol {
    /// Pays, and signs.
    pub from: Address,
    /// Is paid.
    pub to: Address,
    /// Lamports.
    pub amount: Amount,
}

impl Act for TransferSol {
    const NAME: &'static str = "Transfer";

    fn instruction(&self, _: &Programs) -> Instruction {
        Instruction {
            program: Address::SYSTEM_PROGRAM,
            accounts: vec![
                AccountMeta::writable(self.from).signing(),
                AccountMeta::writable(self.to),
            ],
            data: Writer::default().u32(TRANSFER).u64(self.amount.units()).into_bytes(),
        }
    }

    fn read(_: &Programs, call: &Instruction, data: &mut Reader<'_>) -> Result<Self, InstructionError> {
        let [from, to] = action::accounts::<Self, 2>(call)?;
        let amount = action::data::<Self, _>(data.amount("amount"))?;
        Ok(Self { from, to, amount })
    }

    fn fields(&self) -> Vec<Field> {
        fields!(self; from, to, amount)
    }
}

pub(crate) fn decode(programs: &Programs, call: &Instruction) -> Result<Action, InstructionError> {
    let unknown = InstructionError::UnknownInstruction("system");
    let mut reader = Reader::new(&call.data);
    let number = reader.u32("instruction").map_err(|_| unknown.clone())?;
    if number == TRANSFER {
        return action::decode::<TransferSol>(programs, call, reader).map(Action::from);
    }
    let name = usize::try_from(number).ok().and_then(|number| NAMES.get(number));
    Err(name.map_or(unknown, |name| InstructionError::Refused {
        program: "system",
        name,
    }))
}
