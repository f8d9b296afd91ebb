//! Mints and token accounts, of SPL Token and of Token-2022, as far as a balance needs them.

use {
    super::extension,
    crate::bytes::{Malformed, Reader},
    portreeve_kernel::{Address, Mint},
};

/// Size of a token account without extensions. An extended mint is padded to it, so that kinds begin at one place.
const ACCOUNT_BYTES: usize = 165;
/// Size of a mint without extensions.
const MINT_BYTES: usize = 82;
/// Size of the token programs' own multisig, which has no kind byte.
const MULTISIG_BYTES: usize = 355;

const KIND_MINT: u8 = 1;
const KIND_ACCOUNT: u8 = 2;

/// Who holds how much of which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenAccount {
    /// Which token.
    pub mint: Mint,
    /// Who may spend it.
    pub owner: Address,
    /// In the mint's smallest unit.
    pub amount: u64,
    /// Who else may spend some of it.
    pub delegate: Option<Address>,
    /// Nothing can leave it.
    pub frozen: bool,
    /// Token-2022 extension numbers. Empty for SPL Token.
    pub extensions: Vec<u16>,
}

/// A token as such.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MintAccount {
    /// How many exist, in the smallest unit.
    pub supply: u64,
    /// Digits after the point.
    pub decimals: u8,
    /// May make more.
    pub mint_authority: Option<Address>,
    /// May freeze accounts.
    pub freeze_authority: Option<Address>,
    /// Token-2022 extension numbers: fees, hooks, a permanent delegate and the like. Empty for SPL Token.
    pub extensions: Vec<u16>,
    /// The program that is called with every transfer.
    pub transfer_hook: Option<Address>,
}

impl TokenAccount {
    /// Reads an account of a token program.
    ///
    /// # Errors
    /// [`Malformed`] for anything but an initialised token account.
    pub fn decode(data: &[u8]) -> Result<Self, Malformed> {
        const KIND: &str = "token";
        let extensions = extensions(data, ACCOUNT_BYTES, KIND_ACCOUNT, KIND)?;
        let mut data = Reader::new(data);
        let mint = Mint::new(data.address("mint")?);
        let owner = data.address("owner")?;
        let amount = data.u64("amount")?;
        let delegate = optional_address(&mut data, "delegate")?;
        let frozen = match data.u8("state")? {
            1 => false,
            2 => true,
            _ => return Err(Malformed::Kind(KIND)),
        };
        Ok(Self {
            mint,
            owner,
            amount,
            delegate,
            frozen,
            extensions: numbers(&extensions),
        })
    }
}

impl MintAccount {
    /// Reads an account of a token program.
    ///
    /// # Errors
    /// [`Malformed`] for anything but an initialised mint.
    pub fn decode(data: &[u8]) -> Result<Self, Malformed> {
        const KIND: &str = "mint";
        let extensions = extensions(data, MINT_BYTES, KIND_MINT, KIND)?;
        let mut data = Reader::new(data);
        let mint_authority = optional_address(&mut data, "mint_authority")?;
        let supply = data.u64("supply")?;
        let decimals = data.u8("decimals")?;
        if data.u8("is_initialized")? != 1 {
            return Err(Malformed::Kind(KIND));
        }
        let freeze_authority = optional_address(&mut data, "freeze_authority")?;
        Ok(Self {
            supply,
            decimals,
            mint_authority,
            freeze_authority,
            transfer_hook: extension::hook(&extensions),
            extensions: numbers(&extensions),
        })
    }
}

/// A 32-bit tag, and an address that is there whatever the tag says.
fn optional_address(data: &mut Reader<'_>, field: &'static str) -> Result<Option<Address>, Malformed> {
    let tag = data.u32(field)?;
    let address = data.address(field)?;
    match tag {
        0 => Ok(None),
        1 => Ok(Some(address)),
        other => Err(Malformed::Value {
            field,
            value: u64::from(other),
        }),
    }
}

fn numbers(extensions: &[Extension<'_>]) -> Vec<u16> {
    extensions.iter().map(|(number, _)| *number).collect()
}

/// A number and a content.
type Extension<'a> = (u16, &'a [u8]);

/// The extensions, after checking that size and kind byte fit: `plain` bytes without extensions, or more
/// than a token account's with the kind behind it.
fn extensions<'a>(data: &'a [u8], plain: usize, kind: u8, name: &'static str) -> Result<Vec<Extension<'a>>, Malformed> {
    if data.len() == plain {
        return Ok(Vec::new());
    }
    if data.len() == MULTISIG_BYTES || data.get(ACCOUNT_BYTES) != Some(&kind) {
        return Err(Malformed::Kind(name));
    }
    let mut reader = Reader::new(data);
    reader.take(ACCOUNT_BYTES.saturating_add(1), name)?;
    let mut found = Vec::new();
    // Fewer than four bytes, or a number of zero, are unused room.
    while reader.rest().len() >= 4 {
        let number = reader.u16("extension")?;
        if number == 0 {
            break;
        }
        let size = reader.u16("extension")?;
        found.push((number, reader.take(usize::from(size), "extension")?));
    }
    Ok(found)
}
