//! Tokens out of nothing, for tests and demos: mints of any shape, and as many of them in anybody's hands as wanted.

use {
    super::{Chain, Commitment, Failed, tokens},
    crate::genesis,
    litesvm::error::LiteSVMError,
    solana_account::Account,
    solana_address::Address,
    solana_instruction::{AccountMeta, Instruction},
    solana_message::VersionedMessage,
    solana_signature::Signature,
    solana_signer::Signer,
    solana_transaction::versioned::VersionedTransaction,
    solana_transaction_error::TransactionError,
};

/// Makes the one token account per owner and mint that everybody can derive.
const ASSOCIATED_TOKEN: Address = Address::from_str_const("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

/// Bytes of a mint without extensions.
const MINT_LEN: usize = 82;
/// An extended mint is padded to a token account, so that what kind it is stands at one place; 1 is a mint.
const KIND_AT: usize = 165;
const KIND_MINT: u8 = 1;

const CREATE_IDEMPOTENT: u8 = 1;
const MINT_TO: u8 = 7;
const SYNC_NATIVE: u8 = 17;

/// A mint to be made.
#[derive(Debug, Clone)]
pub(crate) struct NewMint {
    pub(crate) address: Address,
    /// SPL Token or Token-2022.
    pub(crate) program: Address,
    pub(crate) decimals: u8,
    /// Token-2022 extensions: number and content, as the program lays them out.
    pub(crate) extensions: Vec<(u16, Vec<u8>)>,
}

impl NewMint {
    /// The faucet may make more of it and freeze it.
    fn data(&self) -> Vec<u8> {
        let authority = genesis::faucet().pubkey();
        let mut data = Vec::with_capacity(MINT_LEN);
        data.extend_from_slice(&1_u32.to_le_bytes());
        data.extend_from_slice(authority.as_ref());
        data.extend_from_slice(&0_u64.to_le_bytes());
        data.extend_from_slice(&[self.decimals, 1]);
        data.extend_from_slice(&1_u32.to_le_bytes());
        data.extend_from_slice(authority.as_ref());
        if self.extensions.is_empty() {
            return data;
        }
        data.resize(KIND_AT, 0);
        data.push(KIND_MINT);
        for (number, content) in &self.extensions {
            data.extend_from_slice(&number.to_le_bytes());
            data.extend_from_slice(&u16::try_from(content.len()).unwrap_or(u16::MAX).to_le_bytes());
            data.extend_from_slice(content);
        }
        data
    }
}

impl Chain {
    /// Puts a mint in place, whatever was there.
    /// # Errors
    /// When the VM refuses the account.
    pub(crate) fn create_mint(&mut self, mint: &NewMint) -> Result<(), LiteSVMError> {
        let data = mint.data();
        let account = Account {
            lamports: self.rent_exemption(data.len()),
            data,
            owner: mint.program,
            executable: false,
            rent_epoch: u64::MAX,
        };
        self.put(mint.address, account)
    }

    /// Leaves `address` with so many lamports, whatever it had.
    /// # Errors
    /// When the VM refuses the account.
    pub(crate) fn set_lamports(&mut self, address: &Address, lamports: u64) -> Result<(), LiteSVMError> {
        let account = Account {
            lamports,
            ..self.svm.get_account(address).unwrap_or_default()
        };
        self.put(*address, account)
    }

    fn put(&mut self, address: Address, account: Account) -> Result<(), LiteSVMError> {
        if self.finality.0 > 0 {
            let before = self.svm.get_account(&address);
            self.undo.remember(self.slot, address, before);
        }
        self.svm.set_account(address, account)?;
        self.advance(1);
        Ok(())
    }

    /// Sees to it that `owner` has its token account for `mint`, and puts `amount` more into it. Answers where that is.
    /// # Errors
    /// What the token program says.
    pub(crate) fn mint_to(&mut self, mint: &Address, owner: &Address, amount: u64) -> Result<Address, Failed> {
        let program = self.svm.get_account(mint).map(|mint| mint.owner).unwrap_or_default();
        if !tokens::is_token_program(&program) {
            return Err(super::submit::refused(TransactionError::InvalidProgramForExecution));
        }
        let faucet = genesis::faucet();
        let seeds = [owner.as_ref(), program.as_ref(), mint.as_ref()];
        let (account, _) = Address::find_program_address(&seeds, &ASSOCIATED_TOKEN);
        let open = Instruction {
            program_id: ASSOCIATED_TOKEN,
            accounts: vec![
                AccountMeta::new(faucet.pubkey(), true),
                AccountMeta::new(account, false),
                AccountMeta::new_readonly(*owner, false),
                AccountMeta::new_readonly(*mint, false),
                AccountMeta::new_readonly(Address::default(), false),
                AccountMeta::new_readonly(program, false),
            ],
            data: vec![CREATE_IDEMPOTENT],
        };
        let fill = Instruction {
            program_id: program,
            accounts: vec![
                AccountMeta::new(*mint, false),
                AccountMeta::new(account, false),
                AccountMeta::new_readonly(faucet.pubkey(), true),
            ],
            data: [&[MINT_TO], amount.to_le_bytes().as_slice()].concat(),
        };
        let wrap = [
            solana_system_interface::instruction::transfer(&faucet.pubkey(), &account, amount),
            Instruction {
                program_id: program,
                accounts: vec![AccountMeta::new(account, false)],
                data: vec![SYNC_NATIVE],
            },
        ];
        let mut wanted = vec![open];
        match amount {
            0 => {}
            _ if *mint == tokens::WRAPPED_SOL => wanted.extend(wrap),
            _ => wanted.push(fill),
        }
        self.by_faucet(&wanted).map(|_| account)
    }

    /// Has the faucet do something. Tried first, so that what fails costs nothing and leaves no trace.
    pub(super) fn by_faucet(&mut self, instructions: &[Instruction]) -> Result<Signature, Failed> {
        let faucet = genesis::faucet();
        let newest = self.view(Commitment::Processed);
        let (blockhash, _) = self.latest_blockhash(newest);
        let message = solana_message::Message::new_with_blockhash(instructions, Some(&faucet.pubkey()), &blockhash);
        let tx = VersionedTransaction::try_new(VersionedMessage::Legacy(message), &[&faucet])
            .map_err(|_| super::submit::refused(TransactionError::SignatureFailure))?;
        self.simulate(tx.clone(), super::Checks::ALL, newest)?;
        let sent = self.submit(tx)?;
        // On a busy chain, too: the next equal one has to differ by its blockhash.
        self.advance(u64::from(self.busy));
        Ok(sent)
    }
}
