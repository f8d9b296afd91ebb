//! Addresses that a program owns: hashes that are no point on the curve, so that no key can ever sign for them.

use {
    crate::program::{self, Programs, TokenProgram},
    curve25519_dalek::edwards::CompressedEdwardsY,
    portreeve_kernel::{Address, AgentId, Asset, Mint},
    sha2::{Digest, Sha256},
};

/// Every Squads seed list begins with this.
const PREFIX: &[u8] = b"multisig";

/// The address for `seeds` under `program`, and its bump: the highest byte that takes the hash off the curve.
///
/// Each byte does so with a chance of about one half, so bump 0, taken when all others failed, is never met; the chain
/// would refuse it.
#[must_use]
pub fn find(program: &Address, seeds: &[&[u8]]) -> (Address, u8) {
    let mut hash = Sha256::new();
    for seed in seeds {
        hash.update(seed);
    }
    let candidate = |bump: u8| {
        let hash = hash.clone().chain_update([bump]);
        let hash = hash
            .chain_update(program.as_bytes())
            .chain_update(b"ProgramDerivedAddress");
        Address::new(hash.finalize().into())
    };
    (1..=u8::MAX)
        .rev()
        .map(|bump| (candidate(bump), bump))
        .find(|(address, _)| !is_on_curve(address))
        .unwrap_or_else(|| (candidate(0), 0))
}

/// True when some key could sign for the address.
#[must_use]
pub fn is_on_curve(address: &Address) -> bool {
    CompressedEdwardsY(*address.as_bytes()).decompress().is_some()
}

/// The one account that holds Squads' creation fee and treasury.
#[must_use]
pub fn program_config(programs: &Programs) -> Address {
    find(&programs.squads, &[PREFIX, b"program_config"]).0
}

/// The multisig that `create_key` signed into being. Holds the rules, never the money.
#[must_use]
pub fn multisig(programs: &Programs, create_key: &Address) -> Address {
    find(&programs.squads, &[PREFIX, b"multisig", create_key.as_bytes()]).0
}

/// A multisig's purse. Ours is always number 0.
#[must_use]
pub fn vault(programs: &Programs, multisig: &Address, index: u8) -> Address {
    find(&programs.squads, &[PREFIX, multisig.as_bytes(), b"vault", &[index]]).0
}

/// A multisig's spending limit.
#[must_use]
pub fn spending_limit(programs: &Programs, multisig: &Address, create_key: &Address) -> Address {
    let seeds = [PREFIX, multisig.as_bytes(), b"spending_limit", create_key.as_bytes()];
    find(&programs.squads, &seeds).0
}

/// The token account of `owner` for `mint` that everybody can derive; the only kind we pay into or from.
#[must_use]
pub fn associated_token(owner: &Address, mint: &Mint, token: TokenProgram) -> Address {
    let (token, mint) = (token.address(), mint.address());
    find(
        &program::ASSOCIATED_TOKEN,
        &[owner.as_bytes(), token.as_bytes(), mint.as_bytes()],
    )
    .0
}

/// The create key of the limit of `agent` on `asset`. Constant, so that the limit's address can exist only once: the
/// chain itself then holds us to one limit per agent and asset.
#[must_use]
pub fn limit_create_key(agent: &AgentId, asset: &Asset) -> Address {
    let mut hash = Sha256::new_with_prefix(b"portreeve:spending-limit:v1\0");
    hash.update(agent.as_str());
    match asset {
        Asset::Sol => hash.update(b"\0SOL"),
        Asset::Token(mint) => hash.update([b"\0", mint.address().as_bytes().as_slice()].concat()),
    }
    Address::new(hash.finalize().into())
}
