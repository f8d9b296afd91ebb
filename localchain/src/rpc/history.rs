//! What has landed: statuses, whole transactions, and the trail of an account.

use {
    super::{
        Answer,
        error::RpcError,
        params::{Params, commitment, field, parse_key, with_context},
        transaction_json,
    },
    crate::chain::{Chain, Commitment, Record},
    serde_json::{Value, json},
    solana_address::Address,
    solana_signature::Signature,
};

/// Most signatures in one `getSignatureStatuses`, as on every node.
const STATUSES: usize = 256;
/// Slots a node keeps a status at hand; older ones need `searchTransactionHistory`.
const STATUS_SLOTS: u64 = 300;
/// Most rows of `getSignaturesForAddress`, as on every node.
const ROWS: u64 = 1000;

/// Absent is not proof: without `searchTransactionHistory` a transaction of long ago is absent too.
pub(super) fn statuses(chain: &Chain, params: Params) -> Answer {
    let list = params.list(0)?;
    if list.len() > STATUSES {
        return Err(RpcError::bad_params(format!(
            "Too many inputs provided; max {STATUSES}"
        )));
    }
    let all = field(params.get(1), "searchTransactionHistory") == &json!(true);
    let newest = chain.view(Commitment::Processed);
    let mut statuses = Vec::with_capacity(list.len());
    for one in list {
        let signature: Signature = parse_key(one)?;
        let record = chain.record(&signature);
        let record = record.filter(|record| all || newest.slot.saturating_sub(record.slot) <= STATUS_SLOTS);
        statuses.push(record.map_or(Value::Null, |record| status(chain, record)));
    }
    Ok(with_context(newest, Value::Array(statuses)))
}

fn status(chain: &Chain, record: &Record) -> Value {
    let reached = chain.commitment_of(record);
    let newest = chain.view(Commitment::Processed).slot;
    let confirmations = (reached != Commitment::Finalized).then(|| newest.saturating_sub(record.slot));
    json!({
        "slot": record.slot, "confirmations": confirmations, "confirmationStatus": reached.name(),
        "err": record.error, "status": transaction_json::status(record),
    })
}

pub(super) fn transaction(chain: &Chain, params: Params) -> Answer {
    let signature: Signature = params.key(0)?;
    // The second parameter was once the bare name of the encoding.
    let config = params.get(1);
    let encoding = if config.is_string() {
        config
    } else {
        field(config, "encoding")
    };
    let wanted = at_least_confirmed(field(config, "commitment"))?;
    let record = chain
        .record(&signature)
        .filter(|record| chain.commitment_of(record) >= wanted);
    match record {
        Some(record) => transaction_json::whole(
            record,
            encoding.as_str(),
            field(config, "maxSupportedTransactionVersion"),
        ),
        None => Ok(Value::Null),
    }
}

pub(super) fn of_account(chain: &Chain, params: Params) -> Answer {
    let (account, config): (Address, _) = (params.key(0)?, params.get(1));
    let wanted = at_least_confirmed(field(config, "commitment"))?;
    let limit = field(config, "limit").as_u64().unwrap_or(ROWS);
    if !(1..=ROWS).contains(&limit) {
        return Err(RpcError::bad_params(format!("Invalid limit; max {ROWS}")));
    }
    let before = optional_signature(field(config, "before"))?;
    let until = optional_signature(field(config, "until"))?;
    let rows = chain
        .records_of(&account)
        .skip_while(|(signature, _)| before.is_some_and(|before| before != **signature))
        .skip(usize::from(before.is_some()))
        .take_while(|(signature, _)| until != Some(**signature))
        .filter(|(_, record)| chain.commitment_of(record) >= wanted)
        .take(usize::try_from(limit).unwrap_or(usize::MAX))
        .map(|(signature, record)| {
            json!({
                "signature": signature.to_string(), "slot": record.slot, "blockTime": record.time,
                "err": record.error, "memo": transaction_json::memo(record),
                "confirmationStatus": chain.commitment_of(record).name(),
            })
        });
    Ok(rows.collect())
}

fn optional_signature(value: &Value) -> Result<Option<Signature>, RpcError> {
    if value.is_null() {
        Ok(None)
    } else {
        parse_key(value).map(Some)
    }
}

/// A node keeps no history of what is only processed.
fn at_least_confirmed(name: &Value) -> Result<Commitment, RpcError> {
    match commitment(name)? {
        Commitment::Processed => Err(RpcError::bad_params(
            "Method does not support commitment below `confirmed`",
        )),
        commitment => Ok(commitment),
    }
}
