//! The calls no other cluster has: moving time, making tokens, and switching faults.

use {
    super::{
        Answer, Node,
        encode::decode,
        error::RpcError,
        params::{Params, parse_key},
    },
    crate::{
        chain::{Chain, Commitment, NewMint, tokens},
        faults::{Name, Settings},
    },
    serde::Deserialize,
    serde_json::{Value, json},
    solana_address::Address,
    solana_sha256_hasher::hashv,
    solana_signature::Signature,
};

/// Most seconds or slots in one warp: 100 years and as many slots fit, overflow does not.
const FARTHEST: u64 = 1 << 33;

pub(super) fn clock(chain: &Chain) -> Answer {
    let slot = chain.view(Commitment::Processed).slot;
    Ok(json!({"unixTimestamp": chain.time(), "slot": slot, "frozen": chain.is_frozen()}))
}

pub(super) fn warp_seconds(node: &mut Node, params: Params) -> Answer {
    node.chain.warp_seconds(forward(params)?);
    clock(node.chain)
}

pub(super) fn warp_slots(node: &mut Node, params: Params) -> Answer {
    node.chain.warp_slots(forward(params)?);
    clock(node.chain)
}

fn forward(params: Params) -> Result<u64, RpcError> {
    if params.get(0).as_i64().is_some_and(|by| by < 0) {
        return Err(RpcError::bad_params("Invalid params: time goes forward only."));
    }
    match params.u64(0)? {
        by if by > FARTHEST => Err(RpcError::bad_params(format!(
            "Invalid params: at most {FARTHEST} at once."
        ))),
        by => Ok(by),
    }
}

pub(super) fn freeze(node: &mut Node, params: Params) -> Answer {
    node.chain.freeze(params.shape(0)?);
    clock(node.chain)
}

/// A mint to be made, as callers write it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MintParams {
    /// Absent: one that nobody has.
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    program: TokenProgram,
    decimals: u8,
    /// Token-2022 extensions: number and content in Base64.
    #[serde(default)]
    extensions: Vec<(u16, String)>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum TokenProgram {
    #[default]
    Token,
    Token2022,
}

pub(super) fn create_mint(node: &mut Node, params: Params) -> Answer {
    let MintParams {
        address,
        program,
        decimals,
        extensions,
    } = params.shape(0)?;
    let address = match address {
        Some(text) => parse_key(&Value::String(text))?,
        None => {
            let number = node.chain.landed().to_le_bytes();
            let slot = node.chain.view(Commitment::Processed).slot.to_le_bytes();
            Address::new_from_array(hashv(&[b"portreeve localchain mint v1", &number, &slot]).to_bytes())
        }
    };
    let read = |(number, content): (u16, String)| Ok((number, decode(&content, Some("base64"), "an extension")?));
    let mint = NewMint {
        address,
        program: match program {
            TokenProgram::Token => tokens::TOKEN,
            TokenProgram::Token2022 => tokens::TOKEN_2022,
        },
        decimals,
        extensions: extensions.into_iter().map(read).collect::<Result<_, RpcError>>()?,
    };
    node.chain
        .create_mint(&mint)
        .map_err(|error| RpcError::bad_params(error.to_string()))?;
    Ok(json!(address.to_string()))
}

pub(super) fn set_lamports(node: &mut Node, params: Params) -> Answer {
    let (address, lamports) = (params.key(0)?, params.u64(1)?);
    node.chain
        .set_lamports(&address, lamports)
        .map_err(|error| RpcError::bad_params(error.to_string()))?;
    clock(node.chain)
}

/// Answers the token account.
pub(super) fn mint_to(node: &mut Node, params: Params) -> Answer {
    let (mint, owner, amount) = (params.key(0)?, params.key(1)?, params.u64(2)?);
    let account = node.chain.mint_to(&mint, &owner, amount);
    let account = account.map_err(|failed| RpcError::bad_params(format!("not minted: {}", failed.err)))?;
    Ok(json!(account.to_string()))
}

pub(super) fn set_fault(node: &mut Node, params: Params) -> Answer {
    let name: Name = params.shape(0)?;
    let settings = if params.get(1).is_null() {
        Settings::default()
    } else {
        params.shape(1)?
    };
    node.faults.set(name, settings);
    Ok(node.faults.to_json())
}

pub(super) fn clear_faults(node: &mut Node, params: Params) -> Answer {
    node.faults.clear(params.shape(0)?);
    Ok(node.faults.to_json())
}

/// Lets held transactions land, all or the one named. What has expired meanwhile says so, and is gone as well.
pub(super) fn release_held(node: &mut Node, params: Params) -> Answer {
    let only: Option<Signature> = if params.get(0).is_null() {
        None
    } else {
        Some(params.key(0)?)
    };
    let mut outcomes = Vec::new();
    for (signature, tx) in node.faults.take_held(only) {
        let err = match node.chain.submit(tx) {
            Ok(signature) => json!(node.chain.record(&signature).and_then(|record| record.error.clone())),
            Err(failed) => json!(failed.err),
        };
        outcomes.push(json!({"signature": signature.to_string(), "err": err}));
    }
    Ok(Value::Array(outcomes))
}
