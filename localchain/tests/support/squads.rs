//! The Squads v4 instructions that the tests need, written out byte by byte.

use {
    solana_address::Address,
    solana_instruction::{AccountMeta, Instruction},
    solana_keypair::Keypair,
    solana_signer::Signer,
};

pub const ID: Address = Address::from_str_const("SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf");
pub const SYSTEM: Address = Address::from_str_const("11111111111111111111111111111111");
pub const TOKEN: Address = Address::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");

pub const INVALID_DESTINATION: u64 = 6025;
pub const SPENDING_LIMIT_EXCEEDED: u64 = 6026;
/// Anchor's: the account that was to be used belongs to nobody any more.
pub const ACCOUNT_NOT_INITIALIZED: u64 = 3012;
/// The system program's: the account to be created is in use.
pub const ALREADY_IN_USE: u64 = 0;

const INITIATE_VOTE_EXECUTE: u8 = 7;
const DAY: u8 = 1;

fn pda(seeds: &[&[u8]]) -> Address {
    let all: Vec<&[u8]> = [b"multisig".as_slice()]
        .into_iter()
        .chain(seeds.iter().copied())
        .collect();
    Address::find_program_address(&all, &ID).0
}

/// The addresses of one multisig.
#[derive(Clone, Copy)]
pub struct Multisig {
    pub address: Address,
    pub vault: Address,
    pub owner: Address,
}

impl Multisig {
    /// Of the multisig that `create_key` makes for `owner`.
    pub fn new(create_key: &Address, owner: &Address) -> Self {
        let address = pda(&[b"multisig", create_key.as_ref()]);
        let vault = pda(&[address.as_ref(), b"vault", &[0]]);
        Self {
            address,
            vault,
            owner: *owner,
        }
    }

    pub fn limit(&self, create_key: &Address) -> Address {
        pda(&[self.address.as_ref(), b"spending_limit", create_key.as_ref()])
    }

    /// `multisig_create_v2`: `owner` is config authority, payer and the only voter, threshold 1.
    pub fn create(&self, create_key: &Address) -> Instruction {
        let config = pda(&[b"program_config"]);
        let treasury = Address::new_from_array([0x7E; 32]);
        let mut data = vec![50, 221, 199, 93, 40, 245, 139, 233];
        data.push(1);
        data.extend(self.owner.as_ref());
        data.extend(1_u16.to_le_bytes());
        data.extend(1_u32.to_le_bytes());
        data.extend(self.owner.as_ref());
        data.push(INITIATE_VOTE_EXECUTE);
        data.extend(0_u32.to_le_bytes());
        data.extend([0, 0]); // no rent collector, no memo
        let accounts = vec![
            AccountMeta::new_readonly(config, false),
            AccountMeta::new(treasury, false),
            AccountMeta::new(self.address, false),
            AccountMeta::new_readonly(*create_key, true),
            AccountMeta::new(self.owner, true),
            AccountMeta::new_readonly(SYSTEM, false),
        ];
        Instruction {
            program_id: ID,
            accounts,
            data,
        }
    }

    /// `multisig_add_spending_limit`, per day, for `member`, of SOL (`mint` none) or of a token.
    pub fn add_limit(
        &self,
        create_key: &Address,
        mint: Option<Address>,
        amount: u64,
        member: &Address,
        destinations: &[Address],
    ) -> Instruction {
        let mut data = vec![11, 242, 159, 42, 86, 197, 89, 115];
        data.extend(create_key.as_ref());
        data.push(0);
        data.extend(mint.unwrap_or_default().as_ref());
        data.extend(amount.to_le_bytes());
        data.push(DAY);
        data.extend(1_u32.to_le_bytes());
        data.extend(member.as_ref());
        data.extend(u32::try_from(destinations.len()).unwrap().to_le_bytes());
        destinations
            .iter()
            .for_each(|destination| data.extend(destination.as_ref()));
        data.push(0);
        let accounts = vec![
            AccountMeta::new_readonly(self.address, false),
            AccountMeta::new_readonly(self.owner, true),
            AccountMeta::new(self.limit(create_key), false),
            AccountMeta::new(self.owner, true),
            AccountMeta::new_readonly(SYSTEM, false),
        ];
        Instruction {
            program_id: ID,
            accounts,
            data,
        }
    }

    /// `multisig_remove_spending_limit`; the rent goes to the owner.
    pub fn remove_limit(&self, create_key: &Address) -> Instruction {
        let accounts = vec![
            AccountMeta::new_readonly(self.address, false),
            AccountMeta::new_readonly(self.owner, true),
            AccountMeta::new(self.limit(create_key), false),
            AccountMeta::new(self.owner, false),
        ];
        Instruction {
            program_id: ID,
            accounts,
            data: vec![228, 198, 136, 111, 123, 4, 178, 113, 0],
        }
    }

    /// `spending_limit_use` of SOL.
    pub fn spend(&self, create_key: &Address, member: &Keypair, to: &Address, lamports: u64) -> Instruction {
        let none = AccountMeta::new_readonly(ID, false);
        let rest = vec![
            AccountMeta::new_readonly(SYSTEM, false),
            none.clone(),
            none.clone(),
            none.clone(),
            none,
        ];
        self.use_limit(create_key, member, to, lamports, 9, rest)
    }

    /// `spending_limit_use` of a token, between two token accounts.
    pub fn spend_token(
        &self,
        create_key: &Address,
        member: &Keypair,
        to: &Address,
        amount: u64,
        mint: &Mint,
        accounts: [Address; 2],
    ) -> Instruction {
        let [from_account, to_account] = accounts;
        let rest = vec![
            AccountMeta::new_readonly(ID, false),
            AccountMeta::new_readonly(mint.address, false),
            AccountMeta::new(from_account, false),
            AccountMeta::new(to_account, false),
            AccountMeta::new_readonly(TOKEN, false),
        ];
        self.use_limit(create_key, member, to, amount, mint.decimals, rest)
    }

    fn use_limit(
        &self,
        create_key: &Address,
        member: &Keypair,
        to: &Address,
        amount: u64,
        decimals: u8,
        rest: Vec<AccountMeta>,
    ) -> Instruction {
        let mut data = vec![16, 57, 130, 127, 193, 20, 155, 134];
        data.extend(amount.to_le_bytes());
        data.extend([decimals, 0]);
        let mut accounts = vec![
            AccountMeta::new_readonly(self.address, false),
            AccountMeta::new_readonly(member.pubkey(), true),
            AccountMeta::new(self.limit(create_key), false),
            AccountMeta::new(self.vault, false),
            AccountMeta::new(*to, false),
        ];
        accounts.extend(rest);
        Instruction {
            program_id: ID,
            accounts,
            data,
        }
    }
}

/// A token of our own.
pub struct Mint {
    pub address: Address,
    pub decimals: u8,
}

/// `create_account` and `InitializeMint2`; `authority` may mint.
pub fn make_mint(payer: &Address, mint: &Mint, authority: &Address, rent: u64) -> [Instruction; 2] {
    let mut data = vec![20, mint.decimals];
    data.extend(authority.as_ref());
    data.push(0);
    [
        create_token_owned(payer, &mint.address, rent, 82),
        token(vec![AccountMeta::new(mint.address, false)], data),
    ]
}

/// `create_account` and `InitializeAccount3`.
pub fn make_token_account(
    payer: &Address,
    account: &Address,
    mint: &Mint,
    owner: &Address,
    rent: u64,
) -> [Instruction; 2] {
    let mut data = vec![18];
    data.extend(owner.as_ref());
    let accounts = vec![
        AccountMeta::new(*account, false),
        AccountMeta::new_readonly(mint.address, false),
    ];
    [create_token_owned(payer, account, rent, 165), token(accounts, data)]
}

/// `MintTo`.
pub fn mint_to(mint: &Mint, account: &Address, authority: &Address, amount: u64) -> Instruction {
    let mut data = vec![7];
    data.extend(amount.to_le_bytes());
    let accounts = vec![
        AccountMeta::new(mint.address, false),
        AccountMeta::new(*account, false),
        AccountMeta::new_readonly(*authority, true),
    ];
    token(accounts, data)
}

fn create_token_owned(payer: &Address, account: &Address, rent: u64, space: u64) -> Instruction {
    solana_system_interface::instruction::create_account(payer, account, rent, space, &TOKEN)
}

fn token(accounts: Vec<AccountMeta>, data: Vec<u8>) -> Instruction {
    Instruction {
        program_id: TOKEN,
        accounts,
        data,
    }
}
