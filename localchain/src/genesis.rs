//! What the chain begins with: its name, the Squads configuration, wrapped SOL and a faucet.
//!
//! Invariant: the genesis hash never changes. The server and the signer know the local chain by it, and only there do
//! they take their time from the chain.

use {
    crate::{chain::tokens, squads},
    litesvm::{LiteSVM, error::LiteSVMError},
    solana_account::Account,
    solana_address::Address,
    solana_hash::Hash,
    solana_keypair::Keypair,
    solana_sha256_hasher::hash,
    solana_signer::Signer,
};

/// `sha256("portreeve localchain genesis v1")`; in base58 [`HASH_TEXT`].
pub(crate) const HASH: Hash = Hash::new_from_array([
    59, 143, 106, 144, 239, 17, 77, 181, 29, 17, 229, 221, 45, 79, 36, 13, 4, 17, 71, 185, 163, 122, 64, 49, 202, 194,
    16, 90, 223, 122, 241, 151,
]);

/// [`HASH`] as clients see it.
#[cfg(test)]
pub(crate) const HASH_TEXT: &str = "51VtkXEMH419GpzhP1bZb4nNrFY6xWt9NzZ55VeSAKkz";

/// Lamports the faucet starts with: far above the real supply, far below the edge of `u64`.
const FAUCET_LAMPORTS: u64 = 1 << 62;

/// The account airdrops come from. Its key is no secret: anybody may recompute it.
pub(crate) fn faucet() -> Keypair {
    Keypair::new_from_array(hash(b"portreeve localchain faucet v1").to_bytes())
}

/// Puts the first accounts in place. `creation_fee` is what `multisig_create_v2` charges, in lamports.
/// # Errors
/// Only when the VM refuses an account, which would be a fault of this file.
pub(crate) fn seed(svm: &mut LiteSVM, creation_fee: u64) -> Result<(), LiteSVMError> {
    let lamports = FAUCET_LAMPORTS;
    svm.set_account(
        faucet().pubkey(),
        Account {
            lamports,
            ..Account::default()
        },
    )?;
    seed_wrapped_sol(svm)?;
    seed_program_config(svm, creation_fee)
}

/// SOL as a token. Nobody can make more of it but by wrapping lamports.
fn seed_wrapped_sol(svm: &mut LiteSVM) -> Result<(), LiteSVMError> {
    // No authority, no supply, nine decimals, initialised, no freezing.
    let data = [[0; 44].as_slice(), &[9, 1], &[0; 36]].concat();
    let account = Account {
        lamports: svm.minimum_balance_for_rent_exemption(data.len()),
        data,
        owner: tokens::TOKEN,
        executable: false,
        rent_epoch: u64::MAX,
    };
    svm.set_account(tokens::WRAPPED_SOL, account)
}

/// `multisig_create_v2` reads the program config and pays its treasury; both must exist before the first call.
fn seed_program_config(svm: &mut LiteSVM, creation_fee: u64) -> Result<(), LiteSVMError> {
    let authority = Address::new_from_array([0xA1; 32]);
    let treasury = Address::new_from_array([0x7E; 32]);
    let (config, _) = Address::find_program_address(&[b"multisig", b"program_config"], &squads::ID);
    let mut data = vec![196, 210, 90, 231, 144, 149, 140, 63]; // sha256("account:ProgramConfig")
    data.extend_from_slice(authority.as_ref());
    data.extend_from_slice(&creation_fee.to_le_bytes());
    data.extend_from_slice(treasury.as_ref());
    data.extend_from_slice(&[0; 64]);
    let lamports = svm.minimum_balance_for_rent_exemption(data.len());
    let account = Account {
        lamports,
        data,
        owner: squads::ID,
        executable: false,
        rent_epoch: u64::MAX,
    };
    svm.set_account(config, account)?;
    let lamports = svm.minimum_balance_for_rent_exemption(0);
    svm.set_account(
        treasury,
        Account {
            lamports,
            ..Account::default()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_genesis_hash_is_the_documented_one() {
        assert_eq!(HASH, hash(b"portreeve localchain genesis v1"));
        assert_eq!(HASH.to_string(), HASH_TEXT);
    }
}
