//! One call of a program: which, with what accounts, and what it is told.

use portreeve_kernel::Address;

/// An account an instruction names, and what the instruction may do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountMeta {
    /// Which account.
    pub address: Address,
    /// Its key has to sign the transaction.
    pub signer: bool,
    /// The program may change it.
    pub writable: bool,
}

impl AccountMeta {
    /// Only read.
    #[must_use]
    pub const fn readonly(address: Address) -> Self {
        Self {
            address,
            signer: false,
            writable: false,
        }
    }

    /// May be changed.
    #[must_use]
    pub const fn writable(address: Address) -> Self {
        Self {
            address,
            signer: false,
            writable: true,
        }
    }

    /// The same, and signs.
    #[must_use]
    pub const fn signing(self) -> Self {
        Self { signer: true, ..self }
    }
}

/// One call of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The program that runs.
    pub program: Address,
    /// The accounts it is given, in its order.
    pub accounts: Vec<AccountMeta>,
    /// What it is told.
    pub data: Vec<u8>,
}
