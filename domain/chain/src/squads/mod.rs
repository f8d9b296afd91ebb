//! Squads v4: the four instructions an agent's wallet needs. Every other one is refused by its name.
//!
//! An instruction begins with eight bytes of a hash of its name, then Borsh. A missing optional account is written as
//! the program's own address.

mod create_multisig;
mod spending_limit;
mod use_limit;

pub use {
    create_multisig::{CreateMultisig, Member, PERMISSION_ALL},
    spending_limit::{AddSpendingLimit, Period, RemoveSpendingLimit},
    use_limit::{Currency, UseSpendingLimit},
};

use {
    crate::{
        action::{self, Action, InstructionError},
        bytes::Reader,
        instruction::Instruction,
        program::Programs,
    },
    portreeve_kernel::{Address, Asset, Mint},
    sha2::{Digest, Sha256},
};

/// The vault that holds the money; the others that a multisig could have are not ours.
pub const VAULT: u8 = 0;

/// Free text in an instruction's data. The program ignores it; it makes transactions differ.
pub type Memo = Option<String>;

/// What Squads can do and we never sign.
const REFUSED: [&str; 32] = [
    "program_config_init",
    "program_config_set_authority",
    "program_config_set_multisig_creation_fee",
    "program_config_set_treasury",
    "multisig_create",
    "multisig_add_member",
    "multisig_remove_member",
    "multisig_set_time_lock",
    "multisig_change_threshold",
    "multisig_set_config_authority",
    "multisig_set_rent_collector",
    "config_transaction_create",
    "config_transaction_execute",
    "vault_transaction_create",
    "transaction_buffer_create",
    "transaction_buffer_close",
    "transaction_buffer_extend",
    "vault_transaction_create_from_buffer",
    "vault_transaction_execute",
    "batch_create",
    "batch_add_transaction",
    "batch_execute_transaction",
    "proposal_create",
    "proposal_activate",
    "proposal_approve",
    "proposal_reject",
    "proposal_cancel",
    "proposal_cancel_v2",
    "config_transaction_accounts_close",
    "vault_transaction_accounts_close",
    "vault_batch_transaction_account_close",
    "batch_accounts_close",
];

/// How an instruction of this name begins.
fn discriminator(name: &str) -> [u8; 8] {
    let hash: [u8; 32] = Sha256::new_with_prefix("global:").chain_update(name).finalize().into();
    hash.first_chunk().copied().unwrap_or_default()
}

/// Squads writes SOL as the mint of all zeros.
fn mint_of(asset: Asset) -> Address {
    match asset {
        Asset::Sol => Address::SYSTEM_PROGRAM,
        Asset::Token(mint) => mint.address(),
    }
}

/// The reverse of [`mint_of`].
pub(crate) fn asset_of(mint: Address) -> Asset {
    if mint == Address::SYSTEM_PROGRAM {
        Asset::Sol
    } else {
        Asset::Token(Mint::new(mint))
    }
}

pub(crate) fn decode(programs: &Programs, call: &Instruction) -> Result<Action, InstructionError> {
    let unknown = InstructionError::UnknownInstruction("Squads");
    let mut reader = Reader::new(&call.data);
    let beginning = reader.array("discriminator").map_err(|_| unknown.clone())?;
    match beginning {
        create_multisig::DISCRIMINATOR => action::decode::<CreateMultisig>(programs, call, reader).map(Action::from),
        spending_limit::ADD => action::decode::<AddSpendingLimit>(programs, call, reader).map(Action::from),
        spending_limit::REMOVE => action::decode::<RemoveSpendingLimit>(programs, call, reader).map(Action::from),
        use_limit::DISCRIMINATOR => action::decode::<UseSpendingLimit>(programs, call, reader).map(Action::from),
        other => {
            let name = REFUSED.into_iter().find(|name| discriminator(name) == other);
            Err(name.map_or(unknown, |name| InstructionError::Refused {
                program: "Squads",
                name,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use {super::*, crate::action::Act};

    #[test]
    fn an_instruction_begins_with_the_hash_of_its_name() {
        assert_eq!(discriminator(CreateMultisig::NAME), create_multisig::DISCRIMINATOR);
        assert_eq!(discriminator(AddSpendingLimit::NAME), spending_limit::ADD);
        assert_eq!(discriminator(RemoveSpendingLimit::NAME), spending_limit::REMOVE);
        assert_eq!(discriminator(UseSpendingLimit::NAME), use_limit::DISCRIMINATOR);
    }

    #[test]
    fn sol_is_the_mint_of_all_zeros() {
        let token = Asset::Token(Mint::new(Address::new([7; 32])));
        for asset in [Asset::Sol, token] {
            assert_eq!(asset_of(mint_of(asset)), asset);
        }
        assert_eq!(mint_of(Asset::Sol), Address::new([0; 32]));
    }
}
