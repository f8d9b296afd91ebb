//! What is signed: the accounts, a recent blockhash, and the instructions, packed as Solana's legacy format says.
//!
//! A [`Message`] is well formed, because the only ways to make one check it: [`Message::compile`] and
//! [`Message::parse`]. Compiling is canonical: the same instructions always give the same bytes, those of Solana's own
//! library. Parsing accepts any order of accounts that the format allows, so that transactions of others can be read.

use {
    crate::{
        bytes::{Malformed, Reader, Writer},
        instruction::{AccountMeta, Instruction},
        transaction::Blockhash,
    },
    portreeve_kernel::Address,
    std::collections::{BTreeMap, BTreeSet},
};

/// The largest transaction the network carries, signatures included: one IPv6 packet.
pub const MAX_TRANSACTION_BYTES: usize = 1232;

/// Why bytes are no message, or instructions make none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Cut off, left over, or not in the only form allowed.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// Does not fit a packet together with its signatures.
    #[error("the transaction would be {bytes} bytes, more than {MAX_TRANSACTION_BYTES}")]
    TooLarge {
        /// With room for the signatures.
        bytes: usize,
    },
    /// Not a legacy message. Other versions bring lookup tables, which hide accounts.
    #[error("the message is of version {0}; only legacy messages are understood")]
    Versioned(u8),
    /// The counts of signers and read-only accounts contradict each other or the accounts.
    #[error("the header counts {signers} signers, {readonly_signers} and {readonly} read-only, of {accounts} accounts")]
    Header {
        /// Accounts that sign.
        signers: usize,
        /// Of those, the ones that are only read.
        readonly_signers: usize,
        /// Of the rest, the ones that are only read.
        readonly: usize,
        /// All accounts.
        accounts: usize,
    },
    /// One account stands twice in the list.
    #[error("account `{0}` is listed twice")]
    DuplicateAccount(Address),
    /// More accounts than an index can name.
    #[error("the message names {0} accounts, more than 256")]
    TooManyAccounts(usize),
    /// An index names no account.
    #[error("there is no account {0}")]
    NoSuchAccount(u8),
    /// A program that also signs, pays or may be written. No program we call is ever asked to.
    #[error("program `{0}` is also a signer or writable")]
    PrivilegedProgram(Address),
    /// Nothing is asked for.
    #[error("the message holds no instruction")]
    Empty,
    /// Not as many signatures as signers.
    #[error("{found} signatures where {expected} have to sign")]
    Signatures {
        /// How many have to sign.
        expected: usize,
        /// How many did.
        found: usize,
    },
}

/// A well-formed legacy message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
    fee_payer: Address,
    signers: Vec<Address>,
    recent_blockhash: Blockhash,
    instructions: Vec<Instruction>,
}

impl Message {
    /// Packs `instructions`, paid for by `fee_payer`.
    ///
    /// # Errors
    /// [`MessageError::TooLarge`] for more than fits one transaction, and what [`Message::parse`] finds.
    pub fn compile(
        fee_payer: Address,
        recent_blockhash: Blockhash,
        instructions: &[Instruction],
    ) -> Result<Self, MessageError> {
        let accounts = accounts_in_order(fee_payer, instructions);
        let index: BTreeMap<Address, usize> = accounts.iter().map(|meta| meta.address).zip(0..).collect();
        let counts = Counts::of(&accounts);
        let to = Writer::default()
            .u8(byte(counts.signers, accounts.len())?)
            .u8(byte(counts.readonly_signers, accounts.len())?)
            .u8(byte(counts.readonly, accounts.len())?);
        let to = compact(to, accounts.len())?;
        let to = accounts.iter().fold(to, |to, meta| to.address(meta.address));
        let to = compact(to.put(recent_blockhash.as_bytes()), instructions.len())?;
        let place = |address: &Address| byte(index.get(address).copied().unwrap_or(usize::MAX), accounts.len());
        let bytes = instructions.iter().try_fold(to, |to, instruction| {
            let to = compact(to.u8(place(&instruction.program)?), instruction.accounts.len())?;
            let to = instruction
                .accounts
                .iter()
                .try_fold(to, |to, meta| place(&meta.address).map(|at| to.u8(at)))?;
            Ok::<_, MessageError>(compact(to, instruction.data.len())?.put(&instruction.data))
        })?;
        Self::parse(&bytes.into_bytes())
    }

    /// Reads a message, with every account's privileges as the header gives them.
    ///
    /// # Errors
    /// [`MessageError`] unless the bytes are one legacy message that fits a transaction, and nothing else.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        let signers = reader.u8("signers")?;
        if signers & 0x80 != 0 {
            return Err(MessageError::Versioned(signers & 0x7F));
        }
        let counts = Counts {
            signers: usize::from(signers),
            readonly_signers: usize::from(reader.u8("read-only signers")?),
            readonly: usize::from(reader.u8("read-only accounts")?),
        };
        // A signature takes 64 bytes, and fewer than 128 are counted in one.
        let whole = counts
            .signers
            .saturating_mul(64)
            .saturating_add(1)
            .saturating_add(bytes.len());
        if whole > MAX_TRANSACTION_BYTES {
            return Err(MessageError::TooLarge { bytes: whole });
        }
        let count = reader.compact_u16("accounts")?;
        let addresses = (0..count)
            .map(|_| reader.address("account"))
            .collect::<Result<Vec<_>, _>>()?;
        let accounts = counts.privileges(&addresses)?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = addresses.iter().find(|address| !seen.insert(**address)) {
            return Err(MessageError::DuplicateAccount(*twice));
        }
        let recent_blockhash = reader.array("recent blockhash").map(Blockhash::new)?;
        let count = reader.compact_u16("instructions")?;
        let instructions = (0..count)
            .map(|_| instruction(&mut reader, &accounts))
            .collect::<Result<Vec<_>, _>>()?;
        reader.end()?;
        if instructions.is_empty() {
            return Err(MessageError::Empty);
        }
        let signers: Vec<Address> = addresses.iter().take(counts.signers).copied().collect();
        let fee_payer = signers.first().copied().ok_or(MessageError::Empty)?;
        Ok(Self {
            bytes: bytes.to_vec(),
            fee_payer,
            signers,
            recent_blockhash,
            instructions,
        })
    }

    /// The bytes that are signed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Pays the fees, and signs first.
    #[must_use]
    pub const fn fee_payer(&self) -> Address {
        self.fee_payer
    }

    /// All that have to sign, in the order of their signatures.
    #[must_use]
    pub fn signers(&self) -> &[Address] {
        &self.signers
    }

    /// Until about 150 blocks after this one the transaction can land.
    #[must_use]
    pub const fn recent_blockhash(&self) -> Blockhash {
        self.recent_blockhash
    }

    /// What is asked for, in the order it is done.
    #[must_use]
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// Size of the transaction this becomes once signed, in bytes.
    #[must_use]
    pub fn transaction_bytes(&self) -> usize {
        self.signers
            .len()
            .saturating_mul(64)
            .saturating_add(1)
            .saturating_add(self.bytes.len())
    }
}

/// The header's three counts.
struct Counts {
    signers: usize,
    readonly_signers: usize,
    readonly: usize,
}

impl Counts {
    fn of(accounts: &[AccountMeta]) -> Self {
        let count = |keep: fn(&&AccountMeta) -> bool| accounts.iter().filter(keep).count();
        Self {
            signers: count(|meta| meta.signer),
            readonly_signers: count(|meta| meta.signer && !meta.writable),
            readonly: count(|meta| !meta.signer && !meta.writable),
        }
    }

    /// Signers come first, and in both halves what may be written comes first. The fee payer can always be written.
    fn privileges(&self, addresses: &[Address]) -> Result<Vec<AccountMeta>, MessageError> {
        let contradiction = || MessageError::Header {
            signers: self.signers,
            readonly_signers: self.readonly_signers,
            readonly: self.readonly,
            accounts: addresses.len(),
        };
        let writable_signers = self
            .signers
            .checked_sub(self.readonly_signers)
            .filter(|count| *count > 0)
            .ok_or_else(contradiction)?;
        let first_readonly = addresses
            .len()
            .checked_sub(self.readonly)
            .filter(|first| *first >= self.signers)
            .ok_or_else(contradiction)?;
        let metas = (0..).zip(addresses).map(|(place, address): (usize, _)| {
            let signer = place < self.signers;
            let writable = if signer {
                place < writable_signers
            } else {
                place < first_readonly
            };
            AccountMeta {
                address: *address,
                signer,
                writable,
            }
        });
        Ok(metas.collect())
    }
}

/// Every account once, with the most that any instruction asks of it: the fee payer, then by privilege and address.
fn accounts_in_order(fee_payer: Address, instructions: &[Instruction]) -> Vec<AccountMeta> {
    let mut found: BTreeMap<Address, AccountMeta> = BTreeMap::new();
    for instruction in instructions {
        let program = AccountMeta::readonly(instruction.program);
        for meta in instruction.accounts.iter().chain([&program]) {
            let entry = found.entry(meta.address).or_insert(*meta);
            entry.signer |= meta.signer;
            entry.writable |= meta.writable;
        }
    }
    found.remove(&fee_payer);
    let mut rest: Vec<AccountMeta> = found.into_values().collect();
    rest.sort_by_key(|meta| (!meta.signer, !meta.writable)); // stable, so addresses stay sorted
    [vec![AccountMeta::writable(fee_payer).signing()], rest].concat()
}

fn instruction(reader: &mut Reader<'_>, accounts: &[AccountMeta]) -> Result<Instruction, MessageError> {
    let account = |index: u8| {
        accounts
            .get(usize::from(index))
            .copied()
            .ok_or(MessageError::NoSuchAccount(index))
    };
    let program = account(reader.u8("program")?)?;
    if program.signer || program.writable {
        return Err(MessageError::PrivilegedProgram(program.address));
    }
    let count = reader.compact_u16("instruction accounts")?;
    let indexes = reader.take(count, "instruction accounts")?;
    let metas = indexes.iter().map(|index| account(*index)).collect::<Result<_, _>>()?;
    let count = reader.compact_u16("instruction data")?;
    let data = reader.take(count, "instruction data")?.to_vec();
    Ok(Instruction {
        program: program.address,
        accounts: metas,
        data,
    })
}

fn byte(value: usize, accounts: usize) -> Result<u8, MessageError> {
    u8::try_from(value).map_err(|_| MessageError::TooManyAccounts(accounts))
}

fn compact(to: Writer, count: usize) -> Result<Writer, MessageError> {
    let bytes = count;
    u16::try_from(count)
        .map(|count| to.compact_u16(count))
        .map_err(|_| MessageError::TooLarge { bytes })
}
