//! The programs we talk to, by address.

use portreeve_kernel::Address;

/// An address from its text, at compile time.
const fn address(text: &str) -> Address {
    Address::new(bs58::decode(text.as_bytes()).into_array_const_unwrap::<32>())
}

/// SPL Token.
pub const TOKEN: Address = address("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// Token-2022, SPL Token with extensions.
pub const TOKEN_2022: Address = address("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
/// Makes the one token account per (owner, mint) that everybody can derive.
pub const ASSOCIATED_TOKEN: Address = address("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");
/// Sets a transaction's compute limit and priority fee.
pub const COMPUTE_BUDGET: Address = address("ComputeBudget111111111111111111111111111111");
/// Squads v4 on mainnet and devnet.
pub const SQUADS_V4: Address = address("SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf");

/// Where the programs live that are not in the same place on every cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Programs {
    /// The Squads v4 program.
    pub squads: Address,
}

impl Default for Programs {
    fn default() -> Self {
        Self { squads: SQUADS_V4 }
    }
}

/// Which of the two programs a mint belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenProgram {
    /// SPL Token.
    Token,
    /// Token-2022.
    Token2022,
}

impl TokenProgram {
    /// Where it lives.
    #[must_use]
    pub const fn address(self) -> Address {
        match self {
            Self::Token => TOKEN,
            Self::Token2022 => TOKEN_2022,
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "SPL Token",
            Self::Token2022 => "Token-2022",
        }
    }

    /// The token program at `address`, which is also the owner of its mints and token accounts.
    #[must_use]
    pub fn at(address: Address) -> Option<Self> {
        [Self::Token, Self::Token2022]
            .into_iter()
            .find(|program| program.address() == address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_program_is_known_by_its_address() {
        assert_eq!(TokenProgram::at(TOKEN), Some(TokenProgram::Token));
        assert_eq!(TokenProgram::at(TOKEN_2022), Some(TokenProgram::Token2022));
        assert_eq!(TokenProgram::at(Address::SYSTEM_PROGRAM), None);
    }

    #[test]
    fn squads_is_mainnets_unless_said_otherwise() {
        assert_eq!(
            Programs::default().squads.to_string(),
            "SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf"
        );
    }
}
