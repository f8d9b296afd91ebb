//! Just enough of the SPL token layouts to say who holds how much of what.

use {solana_account::Account, solana_address::Address};

/// SPL Token.
pub(crate) const TOKEN: Address = Address::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");
/// Token-2022: the same layouts with extensions behind them.
pub(crate) const TOKEN_2022: Address = Address::from_str_const("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");

/// The mint of SOL as a token.
pub(crate) const WRAPPED_SOL: Address = Address::from_str_const("So11111111111111111111111111111111111111112");

/// Bytes of a token account without extensions.
const ACCOUNT_LEN: usize = 165;
/// Where Token-2022 says what an account with extensions is; 2 is a token account.
const KIND_AT: usize = ACCOUNT_LEN;

/// A token account's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holding {
    pub(crate) mint: Address,
    /// The wallet the tokens belong to.
    pub(crate) owner: Address,
    /// In the mint's smallest unit.
    pub(crate) amount: u64,
    pub(crate) decimals: u8,
    /// The token program that keeps the account.
    pub(crate) program: Address,
    pub(crate) frozen: bool,
}

/// Whether `program` keeps token accounts.
pub(crate) fn is_token_program(program: &Address) -> bool {
    [TOKEN, TOKEN_2022].contains(program)
}

/// Reads `account` as a token account; `mint` looks up the mint, which knows the decimals.
pub(crate) fn holding(account: &Account, mint: impl Fn(&Address) -> Option<Account>) -> Option<Holding> {
    let data = &account.data;
    let is_holding = data.len() == ACCOUNT_LEN || data.get(KIND_AT) == Some(&2);
    let state = *data.get(108)?;
    if !is_token_program(&account.owner) || !is_holding || state == 0 {
        return None;
    }
    let mint_address = address(data, 0)?;
    Some(Holding {
        mint: mint_address,
        owner: address(data, 32)?,
        amount: u64::from_le_bytes(*data.get(64..)?.first_chunk()?),
        decimals: decimals(&mint(&mint_address)?)?,
        program: account.owner,
        frozen: state == 2,
    })
}

/// The decimals of a mint.
pub(crate) fn decimals(mint: &Account) -> Option<u8> {
    if is_token_program(&mint.owner) {
        mint.data.get(44).copied()
    } else {
        None
    }
}

fn address(data: &[u8], at: usize) -> Option<Address> {
    Some(Address::new_from_array(*data.get(at..)?.first_chunk()?))
}

/// `amount` with its decimal point, as people write it.
pub(crate) fn decimal_text(amount: u64, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let mut text = format!("{amount:0>width$}", width = decimals.saturating_add(1));
    if decimals > 0 {
        text.insert(text.len().saturating_sub(decimals), '.');
        text.truncate(text.trim_end_matches('0').trim_end_matches('.').len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_written_without_useless_zeros() {
        assert_eq!(decimal_text(1_500_000, 6), "1.5");
        assert_eq!(decimal_text(1, 6), "0.000001");
        assert_eq!(decimal_text(2_000_000, 6), "2");
        assert_eq!(decimal_text(0, 6), "0");
        assert_eq!(decimal_text(10, 0), "10");
    }
}
