//! The JSON-RPC methods. Everything is final at once: all commitments see the same state.

use {
    crate::chain::{Chain, Record},
    base64::{Engine, prelude::BASE64_STANDARD},
    litesvm::types::FailedTransactionMetadata,
    serde_json::{Value, json},
    solana_account::Account,
    solana_address::Address,
    solana_signature::Signature,
    solana_transaction::versioned::VersionedTransaction,
    std::str::FromStr,
};

pub struct Fault {
    code: i64,
    message: String,
    data: Value,
}

fn bad(message: impl Into<String>) -> Fault {
    Fault {
        code: -32602,
        message: message.into(),
        data: Value::Null,
    }
}

type Answer = Result<Value, Fault>;

pub fn answer(chain: &mut Chain, body: &Value) -> Value {
    chain.tick();
    if let Some(batch) = body.as_array() {
        return batch.iter().map(|one| single(chain, one)).collect();
    }
    single(chain, body)
}

fn single(chain: &mut Chain, request: &Value) -> Value {
    let id = request.get("id").cloned().unwrap_or(Value::Null);
    let method = request["method"].as_str().unwrap_or_default();
    let none = vec![];
    let params = request["params"].as_array().unwrap_or(&none);
    match call(chain, method, params) {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(f) => {
            let mut error = json!({"code": f.code, "message": f.message});
            if !f.data.is_null() {
                error["data"] = f.data;
            }
            json!({"jsonrpc": "2.0", "id": id, "error": error})
        }
    }
}

fn key(params: &[Value], i: usize) -> Result<Address, Fault> {
    let text = params
        .get(i)
        .and_then(Value::as_str)
        .ok_or_else(|| bad("address expected"))?;
    Address::from_str(text).map_err(|_| bad("Invalid param: Invalid"))
}

fn number(params: &[Value], i: usize) -> Result<u64, Fault> {
    params
        .get(i)
        .and_then(Value::as_u64)
        .ok_or_else(|| bad("number expected"))
}

fn with_context(chain: &Chain, value: Value) -> Value {
    json!({"context": {"slot": chain.slot, "apiVersion": "2.3.0"}, "value": value})
}

fn account_json(account: &Account) -> Value {
    json!({
        "lamports": account.lamports,
        "owner": account.owner.to_string(),
        "executable": account.executable,
        "rentEpoch": u64::MAX,
        "space": account.data.len(),
        "data": [BASE64_STANDARD.encode(&account.data), "base64"],
    })
}

fn live(chain: &Chain, address: &Address) -> Option<Account> {
    chain.svm.get_account(address).filter(|a| a.lamports > 0)
}

fn decode_tx(params: &[Value]) -> Result<(VersionedTransaction, Value), Fault> {
    let text = params
        .first()
        .and_then(Value::as_str)
        .ok_or_else(|| bad("transaction expected"))?;
    let config = params.get(1).cloned().unwrap_or(json!({}));
    let bytes = match config["encoding"].as_str() {
        Some("base64") => BASE64_STANDARD.decode(text).map_err(|e| bad(e.to_string()))?,
        _ => bs58::decode(text).into_vec().map_err(|e| bad(e.to_string()))?,
    };
    if bytes.len() > 1232 {
        return Err(bad(format!(
            "decoded VersionedTransaction too large: {} bytes (max: 1232 bytes)",
            bytes.len()
        )));
    }
    let tx =
        bincode::deserialize(&bytes).map_err(|e| bad(format!("failed to deserialize VersionedTransaction: {e}")))?;
    Ok((tx, config))
}

fn simulation_json(err: Value, logs: &[String], units: u64) -> Value {
    json!({
        "err": err, "logs": logs, "unitsConsumed": units, "accounts": null,
        "returnData": null, "innerInstructions": null, "replacementBlockhash": null,
        "loadedAccountsDataSize": 0,
    })
}

fn preflight_fault(failed: &FailedTransactionMetadata) -> Fault {
    Fault {
        code: -32002,
        message: format!("Transaction simulation failed: {}", failed.err),
        data: simulation_json(json!(failed.err), &failed.meta.logs, failed.meta.compute_units_consumed),
    }
}

fn status_json(record: &Record) -> Value {
    json!({
        "slot": record.slot, "confirmations": null, "confirmationStatus": "finalized",
        "err": record.err,
        "status": match &record.err { None => json!({"Ok": null}), Some(e) => json!({"Err": e}) },
    })
}

/// (mint, owner, amount, decimals) of an SPL token account.
fn token_account(chain: &Chain, data: &[u8]) -> Option<(Address, Address, u64, u8)> {
    if data.len() < 165 {
        return None;
    }
    let mint = Address::try_from(&data[0..32]).ok()?;
    let owner = Address::try_from(&data[32..64]).ok()?;
    let amount = u64::from_le_bytes(data[64..72].try_into().ok()?);
    let decimals = *live(chain, &mint)?.data.get(44)?;
    Some((mint, owner, amount, decimals))
}

fn ui_amount(amount: u64, decimals: u8) -> Value {
    let d = usize::from(decimals);
    let mut text = format!("{amount:0>width$}", width = d + 1);
    if d > 0 {
        text.insert(text.len() - d, '.');
        text = text.trim_end_matches('0').trim_end_matches('.').to_string();
    }
    json!({
        "amount": amount.to_string(), "decimals": decimals,
        "uiAmount": text.parse::<f64>().ok(), "uiAmountString": text,
    })
}

fn call(chain: &mut Chain, method: &str, params: &[Value]) -> Answer {
    Ok(match method {
        "getHealth" => json!("ok"),
        "getVersion" => json!({"solana-core": "2.3.0", "feature-set": 0}),
        "getGenesisHash" => json!(chain.genesis.to_string()),
        "getSlot" | "getBlockHeight" => json!(chain.slot),
        "getBlockTime" => json!(chain.now()),
        "getEpochInfo" => json!({
            "absoluteSlot": chain.slot, "blockHeight": chain.slot, "epoch": chain.slot / 432_000,
            "slotIndex": chain.slot % 432_000, "slotsInEpoch": 432_000, "transactionCount": null,
        }),
        "getLatestBlockhash" => {
            let (hash, height) = chain.latest_blockhash();
            with_context(
                chain,
                json!({"blockhash": hash.to_string(), "lastValidBlockHeight": height}),
            )
        }
        "isBlockhashValid" => {
            let text = params.first().and_then(Value::as_str).unwrap_or_default();
            let valid = text.parse().is_ok_and(|h| chain.is_recent(&h));
            with_context(chain, json!(valid))
        }
        "getMinimumBalanceForRentExemption" => {
            json!(
                chain
                    .svm
                    .minimum_balance_for_rent_exemption(number(params, 0)? as usize)
            )
        }
        "getBalance" => {
            let lamports = chain.svm.get_balance(&key(params, 0)?).unwrap_or(0);
            with_context(chain, json!(lamports))
        }
        "getAccountInfo" => {
            let account = live(chain, &key(params, 0)?);
            with_context(chain, account.map_or(Value::Null, |a| account_json(&a)))
        }
        "getMultipleAccounts" => {
            let keys = params
                .first()
                .and_then(Value::as_array)
                .ok_or_else(|| bad("array expected"))?;
            let mut list = vec![];
            for i in 0..keys.len() {
                list.push(live(chain, &key(keys, i)?).map_or(Value::Null, |a| account_json(&a)));
            }
            with_context(chain, json!(list))
        }
        "getProgramAccounts" => {
            let program = key(params, 0)?;
            let config = params.get(1).cloned().unwrap_or(json!({}));
            let none = vec![];
            let filters = config["filters"].as_array().unwrap_or(&none);
            let fits = |a: &Account| {
                filters.iter().all(|f| {
                    if let Some(size) = f["dataSize"].as_u64() {
                        return a.data.len() as u64 == size;
                    }
                    let at = f["memcmp"]["offset"].as_u64().unwrap_or(0) as usize;
                    let want = &f["memcmp"]["bytes"];
                    let bytes = match (want.as_str(), f["memcmp"]["encoding"].as_str()) {
                        (Some(t), Some("base64")) => BASE64_STANDARD.decode(t).unwrap_or_default(),
                        (Some(t), _) => bs58::decode(t).into_vec().unwrap_or_default(),
                        _ => serde_json::from_value(want.clone()).unwrap_or_default(),
                    };
                    a.data.get(at..at + bytes.len()) == Some(&bytes[..])
                })
            };
            let list: Vec<Value> = chain
                .svm
                .get_program_accounts(&program)
                .iter()
                .filter(|(_, a)| a.lamports > 0 && fits(a))
                .map(|(k, a)| json!({"pubkey": k.to_string(), "account": account_json(a)}))
                .collect();
            if config["withContext"].as_bool() == Some(true) {
                with_context(chain, json!(list))
            } else {
                json!(list)
            }
        }
        "getTokenAccountBalance" => {
            let account = live(chain, &key(params, 0)?).ok_or_else(|| bad("Invalid param: could not find account"))?;
            let (_, _, amount, decimals) =
                token_account(chain, &account.data).ok_or_else(|| bad("Invalid param: not a Token account"))?;
            with_context(chain, ui_amount(amount, decimals))
        }
        "getFeeForMessage" => {
            let text = params.first().and_then(Value::as_str).unwrap_or_default();
            let bytes = BASE64_STANDARD.decode(text).map_err(|e| bad(e.to_string()))?;
            let signers = bytes.iter().find(|b| **b & 0x80 == 0).copied().unwrap_or(1);
            with_context(chain, json!(5000 * u64::from(signers)))
        }
        "requestAirdrop" => {
            let (to, lamports) = (key(params, 0)?, number(params, 1)?);
            let signature = chain.airdrop(&to, lamports).map_err(|f| preflight_fault(&f))?;
            json!(signature.to_string())
        }
        "simulateTransaction" => {
            let (tx, config) = decode_tx(params)?;
            let replace = config["replaceRecentBlockhash"].as_bool().unwrap_or(false);
            let signatures = config["sigVerify"].as_bool().unwrap_or(false);
            let value = match chain.simulate(tx, signatures, replace) {
                Ok(info) => simulation_json(Value::Null, &info.meta.logs, info.meta.compute_units_consumed),
                Err(f) => simulation_json(json!(f.err), &f.meta.logs, f.meta.compute_units_consumed),
            };
            with_context(chain, value)
        }
        "sendTransaction" => {
            let (tx, config) = decode_tx(params)?;
            if config["skipPreflight"].as_bool() != Some(true) {
                chain
                    .simulate(tx.clone(), true, false)
                    .map_err(|f| preflight_fault(&f))?;
            }
            let signature = tx.signatures.first().copied().unwrap_or_default();
            match chain.send(tx) {
                Ok(signature) => json!(signature.to_string()),
                Err(_) if config["skipPreflight"].as_bool() == Some(true) => json!(signature.to_string()),
                Err(f) => return Err(preflight_fault(&f)),
            }
        }
        "getSignatureStatuses" => {
            let list = params
                .first()
                .and_then(Value::as_array)
                .ok_or_else(|| bad("array expected"))?;
            let statuses: Vec<Value> = list
                .iter()
                .map(|s| s.as_str().and_then(|s| Signature::from_str(s).ok()))
                .map(|s| s.and_then(|s| chain.records.get(&s)).map_or(Value::Null, status_json))
                .collect();
            with_context(chain, json!(statuses))
        }
        "getTransaction" => {
            let text = params.first().and_then(Value::as_str).unwrap_or_default();
            let Some(r) = Signature::from_str(text).ok().and_then(|s| chain.records.get(&s)) else {
                return Ok(Value::Null);
            };
            let bytes =
                r.tx.as_ref()
                    .and_then(|t| bincode::serialize(t).ok())
                    .unwrap_or_default();
            json!({
                "slot": r.slot, "blockTime": r.time, "version": "legacy",
                "transaction": [BASE64_STANDARD.encode(bytes), "base64"],
                "meta": {
                    "err": r.err, "fee": r.meta.fee, "logMessages": r.meta.logs,
                    "status": status_json(r)["status"], "preBalances": [], "postBalances": [],
                    "computeUnitsConsumed": r.meta.compute_units_consumed,
                },
            })
        }
        // Local only.
        "localnet_warpSeconds" => {
            chain.warp_seconds(
                params
                    .first()
                    .and_then(Value::as_i64)
                    .ok_or_else(|| bad("seconds expected"))?,
            );
            json!({"slot": chain.slot, "unixTimestamp": chain.now()})
        }
        _ => {
            return Err(Fault {
                code: -32601,
                message: "Method not found".into(),
                data: Value::Null,
            });
        }
    })
}
