//! JSON-RPC: from the bytes of a request to what goes back over the wire.

mod accounts;
mod cluster;
mod encode;
mod error;
mod history;
mod liar;
mod local;
mod params;
mod send;
mod token;
mod transaction_json;

use {
    crate::{chain::Chain, faults::Faults},
    error::RpcError,
    params::Params,
    serde_json::{Value, json},
    std::time::Duration,
};

/// Which port was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Face {
    Honest,
    /// Lies while the fault `lie` is on.
    Liar,
}

/// What becomes of the answer.
pub(crate) enum Delivery {
    Answer(Value),
    /// HTTP 503; nothing was done.
    Refused,
    /// HTTP 500; everything was done.
    Http500,
    /// The connection closes; everything was done.
    Close,
}

/// An answer and how late it comes.
pub(crate) struct Reply {
    pub(crate) delivery: Delivery,
    pub(crate) delay: Duration,
}

/// The value of `result`, or the object of `error`.
type Answer = Result<Value, RpcError>;

/// Everything a method may use.
struct Node<'a> {
    chain: &'a mut Chain,
    faults: &'a mut Faults,
}

/// Answers one HTTP body: a call or a batch of calls.
pub(crate) fn answer(chain: &mut Chain, faults: &mut Faults, face: Face, body: &[u8]) -> Reply {
    chain.tick();
    let request = match serde_json::from_slice::<Value>(body) {
        Ok(request) => request,
        Err(_) => return at_once(Delivery::Answer(envelope(Value::Null, Err(RpcError::parse())))),
    };
    let calls = request.as_array().map_or(std::slice::from_ref(&request), Vec::as_slice);
    if calls.is_empty() {
        return at_once(Delivery::Answer(envelope(
            Value::Null,
            Err(RpcError::invalid_request()),
        )));
    }
    // The switches themselves are out of their own reach, or they could never be cleared.
    let methods: Vec<&str> = calls
        .iter()
        .map(method)
        .filter(|method| !method.starts_with("localnet_"))
        .collect();
    if methods.iter().any(|method| faults.refuses(method)) {
        return at_once(Delivery::Refused);
    }
    let mut answers: Vec<Value> = Vec::with_capacity(calls.len());
    for call in calls {
        answers.push(single(&mut Node { chain, faults }, face, call));
    }
    let delay = methods
        .iter()
        .map(|method| faults.delay(method))
        .max()
        .unwrap_or_default();
    let lost = methods.iter().filter_map(|method| faults.drops_reply(method)).last();
    let delivery = match lost {
        Some(crate::faults::How::Close) => Delivery::Close,
        Some(crate::faults::How::Http500) => Delivery::Http500,
        None if request.is_array() => Delivery::Answer(Value::Array(answers)),
        None => Delivery::Answer(answers.pop().unwrap_or_default()),
    };
    Reply { delivery, delay }
}

fn at_once(delivery: Delivery) -> Reply {
    Reply {
        delivery,
        delay: Duration::ZERO,
    }
}

fn method(call: &Value) -> &str {
    call.get("method").and_then(Value::as_str).unwrap_or_default()
}

fn single(node: &mut Node, face: Face, call: &Value) -> Value {
    let id = call.get("id").cloned().unwrap_or_default();
    if !call.is_object() || method(call).is_empty() {
        return envelope(id, Err(RpcError::invalid_request()));
    }
    let params = match call.get("params") {
        None | Some(Value::Null) => Params::new(&[]),
        Some(Value::Array(list)) => Params::new(list),
        Some(_) => {
            return envelope(
                id,
                Err(RpcError::bad_params("Invalid params: invalid type: expected an array.")),
            );
        }
    };
    let mut answer = dispatch(node, method(call), params);
    if let (Face::Liar, Some(lie), Ok(result)) = (face, node.faults.lies(), &mut answer) {
        liar::twist(method(call), result, lie);
    }
    envelope(id, answer)
}

fn envelope(id: Value, answer: Answer) -> Value {
    match answer {
        Ok(result) => json!({"jsonrpc": "2.0", "result": result, "id": id}),
        Err(error) => json!({"jsonrpc": "2.0", "error": error.to_json(), "id": id}),
    }
}

fn dispatch(node: &mut Node, method: &str, params: Params) -> Answer {
    let chain = &*node.chain;
    match method {
        "getBlockHeight" | "getSlot" => cluster::height(chain, params),
        "getBlockTime" => cluster::block_time(chain, params),
        "getEpochInfo" => cluster::epoch_info(chain, params),
        "getGenesisHash" => cluster::genesis_hash(),
        "getHealth" => Ok(json!("ok")),
        "getLatestBlockhash" => cluster::latest_blockhash(chain, params),
        "getTransactionCount" => Ok(json!(chain.landed())),
        "getVersion" => cluster::version(),
        "isBlockhashValid" => cluster::is_blockhash_valid(chain, params),

        "getAccountInfo" => accounts::one(chain, params),
        "getBalance" => accounts::balance(chain, params),
        "getMinimumBalanceForRentExemption" => accounts::rent_exemption(chain, params),
        "getMultipleAccounts" => accounts::several(chain, params),
        "getProgramAccounts" => accounts::of_program(chain, params),

        "getTokenAccountBalance" => token::balance(chain, params),
        "getTokenAccountsByOwner" => token::of_owner(chain, params),
        "getTokenSupply" => token::supply(chain, params),

        "getFeeForMessage" => send::fee(chain, params),
        "requestAirdrop" => send::airdrop(node, params),
        "sendTransaction" => send::send(node, params),
        "simulateTransaction" => send::simulate(node, params),

        "getSignatureStatuses" => history::statuses(chain, params),
        "getSignaturesForAddress" => history::of_account(chain, params),
        "getTransaction" => history::transaction(chain, params),

        "localnet_clearFaults" => local::clear_faults(node, params),
        "localnet_clock" => local::clock(chain),
        "localnet_createMint" => local::create_mint(node, params),
        "localnet_faults" => Ok(node.faults.to_json()),
        "localnet_freeze" => local::freeze(node, params),
        "localnet_mintTo" => local::mint_to(node, params),
        "localnet_releaseHeld" => local::release_held(node, params),
        "localnet_setFault" => local::set_fault(node, params),
        "localnet_setLamports" => local::set_lamports(node, params),
        "localnet_warpSeconds" => local::warp_seconds(node, params),
        "localnet_warpSlots" => local::warp_slots(node, params),
        _ => Err(RpcError::no_such_method()),
    }
}
