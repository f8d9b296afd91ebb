//! Sending transactions, and asking first what they would do or cost.

use {
    super::{
        Answer, Node,
        encode::{Look, decode},
        error::RpcError,
        params::{Params, commitment, field, parse_key, with_context},
    },
    crate::chain::{Chain, Checks, Failed, Simulated, View},
    base64::{Engine, prelude::BASE64_STANDARD},
    litesvm::types::TransactionMetadata,
    serde_json::{Value, json},
    solana_account::Account,
    solana_address::Address,
    solana_message::VersionedMessage,
    solana_transaction::versioned::VersionedTransaction,
};

/// Bytes of a packet, which a transaction has to fit into.
const PACKET: usize = 1232;
/// Lamports per signature.
const SIGNATURE_FEE: u64 = 5000;

/// Without compute-budget prices, which no transaction of ours sets.
pub(super) fn fee(chain: &Chain, params: Params) -> Answer {
    let view = params.view(chain, 1)?;
    let bytes = decode(params.text(0)?, Some("base64"), "the message")?;
    let message: VersionedMessage = bincode::deserialize(&bytes)
        .map_err(|error| RpcError::bad_params(format!("failed to deserialize: {error}")))?;
    let signatures = u64::from(message.header().num_required_signatures);
    let fee = chain
        .is_recent(message.recent_blockhash(), view)
        .then(|| SIGNATURE_FEE.saturating_mul(signatures));
    Ok(with_context(view, json!(fee)))
}

pub(super) fn airdrop(node: &mut Node, params: Params) -> Answer {
    let (to, lamports) = (params.key(0)?, params.u64(1)?);
    let signature = node
        .chain
        .airdrop(&to, lamports)
        .map_err(|failed| RpcError::airdrop(&failed))?;
    Ok(json!(signature.to_string()))
}

pub(super) fn simulate(node: &mut Node, params: Params) -> Answer {
    let mut tx = transaction(params)?;
    let (config, view) = (params.get(1), params.view(node.chain, 1)?);
    let replace = field(config, "replaceRecentBlockhash") == &json!(true);
    let signatures = field(config, "sigVerify") == &json!(true);
    if replace && signatures {
        return Err(RpcError::bad_params(
            "sigVerify may not be used with replaceRecentBlockhash",
        ));
    }
    if let Some(err) = node.faults.fails_simulation("simulateTransaction") {
        return Ok(with_context(view, simulation(err, &TransactionMetadata::default())));
    }
    let (hash, last) = node.chain.latest_blockhash(view);
    if replace {
        tx.message.set_recent_blockhash(hash);
    }
    let checks = Checks {
        signatures,
        repeated: !replace,
    };
    let mut value = match node.chain.simulate(tx, checks, view) {
        Ok(simulated) => succeeded(node.chain, view, config, &simulated)?,
        Err(failed) => simulation(json!(failed.err), &failed.meta),
    };
    if let (Some(fields), true) = (value.as_object_mut(), replace) {
        let replacement = json!({"blockhash": hash.to_string(), "lastValidBlockHeight": last});
        fields.insert("replacementBlockhash".to_owned(), replacement);
    }
    Ok(with_context(view, value))
}

pub(super) fn send(node: &mut Node, params: Params) -> Answer {
    let tx = transaction(params)?;
    let config = params.get(1);
    let signature = tx.signatures.first().copied().unwrap_or_default();
    let preflight = field(config, "skipPreflight") != &json!(true);
    if preflight {
        judge_first(node, &tx, config)?;
    }
    if node.faults.holds("sendTransaction") {
        node.faults.hold(signature, tx);
        return Ok(json!(signature.to_string()));
    }
    let again = node.faults.duplicates("sendTransaction").then(|| tx.clone());
    let outcome = node.chain.submit(tx);
    if let Some(again) = again {
        let second = node.chain.submit(again).err().map(|failed| json!(failed.err));
        node.faults.note_duplicate(signature, second.unwrap_or_default());
    }
    match outcome {
        Err(failed) if preflight => Err(preflight_failed(&failed)),
        // Without preflight nobody waits for the verdict: a hopeless transaction just never lands.
        Ok(_) | Err(_) => Ok(json!(signature.to_string())),
    }
}

fn judge_first(node: &mut Node, tx: &VersionedTransaction, config: &Value) -> Result<(), RpcError> {
    if tx.sanitize().is_err() {
        return Err(RpcError::bad_params(
            "invalid transaction: Transaction failed to sanitize accounts offsets correctly",
        ));
    }
    if !tx.verify_with_results().iter().all(|good| *good) {
        return Err(RpcError::signature_verification());
    }
    if let Some(err) = node.faults.fails_simulation("sendTransaction") {
        return Err(RpcError::preflight(
            "by a fault switch",
            simulation(err, &TransactionMetadata::default()),
        ));
    }
    let view = node.chain.view(commitment(field(config, "preflightCommitment"))?);
    node.chain
        .simulate(tx.clone(), Checks::ALL, view)
        .map_err(|failed| preflight_failed(&failed))?;
    Ok(())
}

fn preflight_failed(failed: &Failed) -> RpcError {
    RpcError::preflight(&failed.err.to_string(), simulation(json!(failed.err), &failed.meta))
}

fn transaction(params: Params) -> Result<VersionedTransaction, RpcError> {
    let bytes = decode(
        params.text(0)?,
        field(params.get(1), "encoding").as_str(),
        "the transaction",
    )?;
    if bytes.len() > PACKET {
        let size = bytes.len();
        let message = format!("decoded VersionedTransaction too large: {size} bytes (max: {PACKET} bytes)");
        return Err(RpcError::bad_params(message));
    }
    bincode::deserialize(&bytes)
        .map_err(|error| RpcError::bad_params(format!("failed to deserialize VersionedTransaction: {error}")))
}

fn simulation(err: Value, meta: &TransactionMetadata) -> Value {
    let returned = &meta.return_data;
    let return_data = (!returned.data.is_empty()).then(|| {
        json!({
            "programId": returned.program_id.to_string(),
            "data": [BASE64_STANDARD.encode(&returned.data), "base64"],
        })
    });
    json!({
        "err": err, "logs": meta.logs, "unitsConsumed": meta.compute_units_consumed, "returnData": return_data,
        "accounts": null, "innerInstructions": null, "replacementBlockhash": null, "loadedAccountsDataSize": 0,
        "fee": meta.fee,
    })
}

/// A simulation that went well, with the accounts `config` asks for as they would be.
fn succeeded(chain: &Chain, view: View, config: &Value, simulated: &Simulated) -> Answer {
    let mut value = simulation(Value::Null, &simulated.meta);
    let wanted = field(config, "accounts");
    let Some(addresses) = field(wanted, "addresses").as_array() else {
        return Ok(value);
    };
    let look = Look::of(wanted)?;
    let mut accounts = Vec::with_capacity(addresses.len());
    for address in addresses {
        let address: Address = parse_key(address)?;
        let touched = simulated.accounts.iter().find(|(one, _)| *one == address);
        let account = match touched {
            Some((_, account)) => Some(Account::from(account.clone())).filter(|account| account.lamports > 0),
            None => chain.account(view, &address),
        };
        accounts.push(account.map_or(Ok(Value::Null), |account| look.account(chain, view, &account))?);
    }
    if let Some(fields) = value.as_object_mut() {
        fields.insert("accounts".to_owned(), Value::Array(accounts));
    }
    Ok(value)
}
