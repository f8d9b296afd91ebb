//! The calls no other cluster has: moving time, and switching faults.

use {
    super::{Answer, Node, error::RpcError, params::Params},
    crate::{
        chain::{Chain, Commitment},
        faults::{Name, Settings},
    },
    serde_json::{Value, json},
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
