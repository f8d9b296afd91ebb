//! What the traces of a chain share: shops that may be paid, a token, and money for all.

use {
    crate::{desk::Household, node::Node, plan::Coin},
    portreeve_chain::{
        AccountMeta, Action, Instruction, Message, Programs, TokenProgram, Transaction, account::ProgramConfig,
        decode::compile, pda, program::TOKEN, squads::Currency, token::CreateTokenAccount,
    },
    portreeve_kernel::{Address, Asset, Mint},
    portreeve_signing::key::SecretKey,
    serde_json::json,
};

/// How many there are to pay. The last is on no policy's list.
const SHOPS: u8 = 4;

const DECIMALS: u8 = 6;
const SOL: u64 = 1_000_000_000;
/// Bytes of a mint's account, and what keeps it alive.
const MINT: (u64, u64) = (82, 1_461_600);

/// A chain ready for wallets.
pub(crate) struct World {
    pub(crate) household: Household,
    pub(crate) shops: Vec<Address>,
    pub(crate) treasury: Address,
    mint: Mint,
}

/// Signs with all of `keys`, each of which the message asks for.
pub(crate) fn signed(message: Message, keys: &[&SecretKey]) -> Transaction {
    let signatures: Vec<_> = keys
        .iter()
        .map(|key| (key.public(), key.sign(message.as_bytes())))
        .collect();
    Transaction::assemble(message, &signatures).unwrap()
}

impl World {
    pub(crate) fn build(node: &Node) -> Self {
        let household = Household::new();
        let mint_key = SecretKey::from_seed(&[6; 32]);
        let shops: Vec<Address> = (0..SHOPS)
            .map(|number| SecretKey::from_seed(&[100 + number; 32]).public())
            .collect();
        let config = node
            .accounts(&[pda::program_config(&Programs::default())])
            .remove(0)
            .unwrap();
        let world = Self {
            treasury: ProgramConfig::decode(&config).unwrap().treasury,
            mint: Mint::new(mint_key.public()),
            household,
            shops,
        };
        let rich = [world.household.fee_payer.public(), world.household.purse.public()];
        let gifts = world
            .shops
            .iter()
            .map(|shop| (*shop, SOL))
            .chain(rich.map(|payer| (payer, 1_000 * SOL)));
        for (to, lamports) in gifts {
            world.give(node, to, lamports);
        }
        let payer = &world.household.fee_payer;
        let make = Message::compile(payer.public(), node.tip().blockhash, &world.mint_instructions()).unwrap();
        node.must(&signed(make, &[payer, &mint_key]));
        let accounts: Vec<Action> = world
            .shops
            .iter()
            .map(|shop| world.token_account(*shop).into())
            .collect();
        let open = compile(&Programs::default(), payer.public(), node.tip().blockhash, &accounts).unwrap();
        node.must(&signed(open, &[payer]));
        world
    }

    pub(crate) fn give(&self, node: &Node, to: Address, lamports: u64) {
        node.call("requestAirdrop", json!([to.to_string(), lamports]));
    }

    /// Gives a vault what it spends.
    pub(crate) fn fund(&self, node: &Node, vault: Address) {
        self.give(node, vault, 100 * SOL);
        let payer = &self.household.fee_payer;
        let open: Action = self.token_account(vault).into();
        let account = pda::associated_token(&vault, &self.mint, TokenProgram::Token);
        let mint_to = Instruction {
            program: TOKEN,
            accounts: vec![
                AccountMeta::writable(self.mint.address()),
                AccountMeta::writable(account),
                AccountMeta::readonly(payer.public()).signing(),
            ],
            data: [vec![7], (100 * SOL).to_le_bytes().to_vec()].concat(),
        };
        let instructions = [open.instruction(&Programs::default()), mint_to];
        let message = Message::compile(payer.public(), node.tip().blockhash, &instructions).unwrap();
        node.must(&signed(message, &[payer]));
    }

    pub(crate) const fn asset(&self, coin: Coin) -> Asset {
        match coin {
            Coin::Sol => Asset::Sol,
            Coin::Token => Asset::Token(self.mint),
        }
    }

    pub(crate) const fn currency(&self, coin: Coin) -> Currency {
        match coin {
            Coin::Sol => Currency::Sol,
            Coin::Token => Currency::Token {
                mint: self.mint,
                program: TokenProgram::Token,
                decimals: DECIMALS,
            },
        }
    }

    pub(crate) const fn mint(&self) -> Mint {
        self.mint
    }

    fn token_account(&self, owner: Address) -> CreateTokenAccount {
        CreateTokenAccount {
            payer: self.household.fee_payer.public(),
            owner,
            mint: self.mint,
            program: TokenProgram::Token,
        }
    }

    /// `CreateAccount` of the system program and `InitializeMint2` of the token program.
    fn mint_instructions(&self) -> [Instruction; 2] {
        let (payer, mint) = (self.household.fee_payer.public(), self.mint.address());
        let (bytes, lamports) = MINT;
        let numbers = [lamports.to_le_bytes(), bytes.to_le_bytes()].concat();
        let create = Instruction {
            program: Address::SYSTEM_PROGRAM,
            accounts: vec![
                AccountMeta::writable(payer).signing(),
                AccountMeta::writable(mint).signing(),
            ],
            data: [vec![0; 4], numbers, TOKEN.as_bytes().to_vec()].concat(),
        };
        let initialize = Instruction {
            program: TOKEN,
            accounts: vec![AccountMeta::writable(mint)],
            data: [vec![20, DECIMALS], payer.as_bytes().to_vec(), vec![0]].concat(),
        };
        [create, initialize]
    }
}
