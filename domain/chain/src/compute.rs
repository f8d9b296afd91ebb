//! The compute budget program: how much a transaction may compute, and what it bids to be taken first. The bid is paid
//! by the fee payer, so both values are told, for whoever signs to bound them.

use crate::{
    action::{self, Act, Action, Field, InstructionError, fields},
    bytes::{Reader, Writer},
    instruction::Instruction,
    program::{self, Programs},
};

/// By number.
const NAMES: [&str; 5] = [
    "RequestUnits",
    "RequestHeapFrame",
    "SetComputeUnitLimit",
    "SetComputeUnitPrice",
    "SetLoadedAccountsDataSizeLimit",
];

const LIMIT: u8 = 2;
const PRICE: u8 = 3;

/// Bounds the transaction's compute units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetComputeUnitLimit {
    /// Compute units; the chain's own ceiling is 1,400,000.
    pub units: u32,
}

/// Offers a priority fee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetComputeUnitPrice {
    /// Millionths of a lamport for each compute unit of the limit.
    pub micro_lamports: u64,
}

fn call(data: Writer) -> Instruction {
    Instruction {
        program: program::COMPUTE_BUDGET,
        accounts: Vec::new(),
        data: data.into_bytes(),
    }
}

impl Act for SetComputeUnitLimit {
    const NAME: &'static str = "SetComputeUnitLimit";

    fn instruction(&self, _: &Programs) -> Instruction {
        call(Writer::default().u8(LIMIT).u32(self.units))
    }

    fn read(_: &Programs, call: &Instruction, data: &mut Reader<'_>) -> Result<Self, InstructionError> {
        let [] = action::accounts::<Self, 0>(call)?;
        let units = action::data::<Self, _>(data.u32("units"))?;
        Ok(Self { units })
    }

    fn fields(&self) -> Vec<Field> {
        fields!(self; units)
    }
}

impl Act for SetComputeUnitPrice {
    const NAME: &'static str = "SetComputeUnitPrice";

    fn instruction(&self, _: &Programs) -> Instruction {
        call(Writer::default().u8(PRICE).u64(self.micro_lamports))
    }

    fn read(_: &Programs, call: &Instruction, data: &mut Reader<'_>) -> Result<Self, InstructionError> {
        let [] = action::accounts::<Self, 0>(call)?;
        let micro_lamports = action::data::<Self, _>(data.u64("micro_lamports"))?;
        Ok(Self { micro_lamports })
    }

    fn fields(&self) -> Vec<Field> {
        fields!(self; micro_lamports)
    }
}

pub(crate) fn decode(programs: &Programs, call: &Instruction) -> Result<Action, InstructionError> {
    let unknown = InstructionError::UnknownInstruction("compute budget");
    let mut reader = Reader::new(&call.data);
    let number = reader.u8("instruction").map_err(|_| unknown.clone())?;
    match number {
        LIMIT => action::decode::<SetComputeUnitLimit>(programs, call, reader).map(Action::from),
        PRICE => action::decode::<SetComputeUnitPrice>(programs, call, reader).map(Action::from),
        other => Err(NAMES
            .get(usize::from(other))
            .map_or(unknown, |name| InstructionError::Refused {
                program: "compute budget",
                name,
            })),
    }
}
