//! Slots, heights, blockhashes and times.

use {
    super::{
        Answer,
        error::RpcError,
        params::{Params, with_context},
    },
    crate::{
        chain::{Chain, EPOCH_SLOTS},
        genesis,
    },
    serde_json::json,
};

/// Version of the VM, which is agave's.
pub(super) const VERSION: &str = "4.2.1";

/// Every slot has a block, so slot and block height are one number.
pub(super) fn height(chain: &Chain, params: Params) -> Answer {
    Ok(json!(params.view(chain, 0)?.slot))
}

pub(super) fn block_time(chain: &Chain, params: Params) -> Answer {
    let slot = params.u64(0)?;
    chain
        .time_of(slot)
        .map(|time| json!(time))
        .ok_or_else(|| RpcError::block_not_available(slot))
}

pub(super) fn epoch_info(chain: &Chain, params: Params) -> Answer {
    let slot = params.view(chain, 0)?.slot;
    Ok(json!({
        "absoluteSlot": slot, "blockHeight": slot, "epoch": slot / EPOCH_SLOTS, "slotIndex": slot % EPOCH_SLOTS,
        "slotsInEpoch": EPOCH_SLOTS, "transactionCount": chain.landed(),
    }))
}

pub(super) fn genesis_hash() -> Answer {
    Ok(json!(genesis::HASH.to_string()))
}

pub(super) fn version() -> Answer {
    Ok(json!({"solana-core": VERSION, "feature-set": 0}))
}

pub(super) fn latest_blockhash(chain: &Chain, params: Params) -> Answer {
    let view = params.view(chain, 0)?;
    let (hash, last) = chain.latest_blockhash(view);
    Ok(with_context(
        view,
        json!({"blockhash": hash.to_string(), "lastValidBlockHeight": last}),
    ))
}

pub(super) fn is_blockhash_valid(chain: &Chain, params: Params) -> Answer {
    let hash = params.key(0)?;
    let view = params.view(chain, 1)?;
    Ok(with_context(view, json!(chain.is_recent(&hash, view))))
}
