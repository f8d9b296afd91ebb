//! A landed transaction as JSON.

use {
    super::{Answer, encode::ui_amount, error::RpcError},
    crate::chain::{Balance, Record},
    base64::{Engine, prelude::BASE64_STANDARD},
    serde_json::{Value, json},
    solana_address::Address,
    solana_message::{VersionedMessage, compiled_instruction::CompiledInstruction},
    solana_transaction::versioned::TransactionVersion,
};

/// The memo programs, old and new.
const MEMO: [Address; 2] = [
    Address::from_str_const("Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo"),
    Address::from_str_const("MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr"),
];

/// The old two-sided form of `err`.
pub(super) fn status(record: &Record) -> Value {
    match &record.error {
        None => json!({"Ok": null}),
        Some(error) => json!({"Err": error}),
    }
}

/// All top-level memos with their lengths, as nodes list them: `[5] hello; [3] you`.
pub(super) fn memo(record: &Record) -> Option<String> {
    let message = &record.transaction.message;
    let memos = message.instructions().iter().filter_map(|instruction| {
        let program = message
            .static_account_keys()
            .get(usize::from(instruction.program_id_index))?;
        let text = std::str::from_utf8(&instruction.data).ok()?;
        MEMO.contains(program).then(|| format!("[{}] {text}", text.len()))
    });
    let memos: Vec<String> = memos.collect();
    (!memos.is_empty()).then(|| memos.join("; "))
}

/// The answer to `getTransaction`.
pub(super) fn whole(record: &Record, encoding: Option<&str>, max_version: &Value) -> Answer {
    let version = match record.transaction.version() {
        TransactionVersion::Legacy(_) => json!("legacy"),
        TransactionVersion::Number(number) if max_version.as_u64().is_some_and(|max| max >= u64::from(number)) => {
            json!(number)
        }
        TransactionVersion::Number(number) => return Err(RpcError::unsupported_version(number)),
    };
    let mut whole = json!({
        "slot": record.slot, "blockTime": record.time, "transaction": transaction(record, encoding)?,
        "meta": meta(record),
    });
    // Clients that did not speak of versions get none.
    if let (Some(fields), false) = (whole.as_object_mut(), max_version.is_null()) {
        fields.insert("version".to_owned(), version);
    }
    Ok(whole)
}

fn transaction(record: &Record, encoding: Option<&str>) -> Answer {
    let bytes = || {
        bincode::serialize(&record.transaction)
            .map_err(|error| RpcError::bad_params(format!("cannot encode the transaction: {error}")))
    };
    match encoding {
        Some("base64") => Ok(json!([BASE64_STANDARD.encode(bytes()?), "base64"])),
        Some("base58") => Ok(json!([bs58::encode(bytes()?).into_string(), "base58"])),
        None | Some("json") => {
            let signatures: Vec<String> = record.transaction.signatures.iter().map(ToString::to_string).collect();
            Ok(json!({"signatures": signatures, "message": message(&record.transaction.message)}))
        }
        Some(other) => Err(RpcError::bad_params(format!(
            "Invalid params: unsupported encoding `{other}`."
        ))),
    }
}

fn message(message: &VersionedMessage) -> Value {
    let header = message.header();
    let instructions: Vec<Value> = message
        .instructions()
        .iter()
        .map(|one| instruction(one, None))
        .collect();
    let mut json = json!({
        "accountKeys": texts(message.static_account_keys()),
        "header": {
            "numRequiredSignatures": header.num_required_signatures,
            "numReadonlySignedAccounts": header.num_readonly_signed_accounts,
            "numReadonlyUnsignedAccounts": header.num_readonly_unsigned_accounts,
        },
        "recentBlockhash": message.recent_blockhash().to_string(),
        "instructions": instructions,
    });
    if let (Some(fields), Some(lookups)) = (json.as_object_mut(), message.address_table_lookups()) {
        let lookup = |one: &solana_message::v0::MessageAddressTableLookup| {
            json!({
                "accountKey": one.account_key.to_string(), "writableIndexes": one.writable_indexes,
                "readonlyIndexes": one.readonly_indexes,
            })
        };
        fields.insert("addressTableLookups".to_owned(), lookups.iter().map(lookup).collect());
    }
    json
}

fn instruction(one: &CompiledInstruction, stack_height: Option<u8>) -> Value {
    json!({
        "programIdIndex": one.program_id_index, "accounts": one.accounts,
        "data": bs58::encode(&one.data).into_string(), "stackHeight": stack_height,
    })
}

fn meta(record: &Record) -> Value {
    let meta = &record.meta;
    let inner = meta
        .inner_instructions
        .iter()
        .enumerate()
        .filter(|(_, list)| !list.is_empty());
    let inner = inner.map(|(index, list)| {
        let list: Vec<Value> = list
            .iter()
            .map(|one| instruction(&one.instruction, Some(one.stack_height)))
            .collect();
        json!({"index": index, "instructions": list})
    });
    json!({
        "err": record.error, "status": status(record), "fee": meta.fee,
        "preBalances": lamports(&record.before), "postBalances": lamports(&record.after),
        "preTokenBalances": token_balances(&record.before), "postTokenBalances": token_balances(&record.after),
        "innerInstructions": inner.collect::<Vec<_>>(), "logMessages": meta.logs, "rewards": [],
        "loadedAddresses": {"writable": texts(&record.loaded.writable), "readonly": texts(&record.loaded.readonly)},
        "computeUnitsConsumed": meta.compute_units_consumed,
    })
}

fn texts(keys: &[Address]) -> Vec<String> {
    keys.iter().map(ToString::to_string).collect()
}

fn lamports(balances: &[Balance]) -> Vec<u64> {
    balances.iter().map(|balance| balance.lamports).collect()
}

fn token_balances(balances: &[Balance]) -> Vec<Value> {
    let held = balances.iter().enumerate().filter_map(|(index, balance)| {
        let held = balance.tokens.as_ref()?;
        Some(json!({
            "accountIndex": index, "mint": held.mint.to_string(), "owner": held.owner.to_string(),
            "programId": held.program.to_string(), "uiTokenAmount": ui_amount(held.amount, held.decimals),
        }))
    });
    held.collect()
}
