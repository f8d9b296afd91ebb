//! Accounts: one, several, all of a program.

use {
    super::{
        Answer,
        encode::{Look, decode},
        error::RpcError,
        params::{Params, field, parse_key, with_context},
    },
    crate::chain::{Chain, View},
    serde::Deserialize,
    serde_json::{Value, json},
    solana_account::Account,
};

/// Most addresses in one `getMultipleAccounts`, as on every node.
const MANY: usize = 100;

pub(super) fn balance(chain: &Chain, params: Params) -> Answer {
    let (address, view) = (params.key(0)?, params.view(chain, 1)?);
    let lamports = chain.account(view, &address).map_or(0, |account| account.lamports);
    Ok(with_context(view, json!(lamports)))
}

pub(super) fn one(chain: &Chain, params: Params) -> Answer {
    let view = params.view(chain, 1)?;
    Ok(with_context(
        view,
        found(chain, view, params.get(0), Look::of(params.get(1))?)?,
    ))
}

pub(super) fn several(chain: &Chain, params: Params) -> Answer {
    let (addresses, view, look) = (params.list(0)?, params.view(chain, 1)?, Look::of(params.get(1))?);
    if addresses.len() > MANY {
        return Err(RpcError::bad_params(format!("Too many inputs provided; max {MANY}")));
    }
    let accounts: Result<Vec<Value>, RpcError> = addresses
        .iter()
        .map(|address| found(chain, view, address, look))
        .collect();
    Ok(with_context(view, Value::Array(accounts?)))
}

fn found(chain: &Chain, view: View, address: &Value, look: Look) -> Answer {
    match chain.account(view, &parse_key(address)?) {
        Some(account) => look.account(chain, view, &account),
        None => Ok(Value::Null),
    }
}

pub(super) fn rent_exemption(chain: &Chain, params: Params) -> Answer {
    let bytes = usize::try_from(params.u64(0)?).map_err(|_| RpcError::bad_params("Invalid param: too large"))?;
    Ok(json!(chain.rent_exemption(bytes)))
}

/// What an account must be like to be listed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Filter {
    DataSize(usize),
    Memcmp(Memcmp),
}

#[derive(Debug, Deserialize)]
struct Memcmp {
    offset: usize,
    bytes: Bytes,
    encoding: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Bytes {
    Text(String),
    Raw(Vec<u8>),
}

impl Memcmp {
    fn wanted(self) -> Result<(usize, Vec<u8>), RpcError> {
        let bytes = match self.bytes {
            Bytes::Raw(bytes) => bytes,
            Bytes::Text(text) => decode(&text, self.encoding.as_deref(), "memcmp bytes")?,
        };
        Ok((self.offset, bytes))
    }
}

fn fits(account: &Account, sizes: &[usize], parts: &[(usize, Vec<u8>)]) -> bool {
    sizes.iter().all(|size| account.data.len() == *size)
        && parts
            .iter()
            .all(|(offset, bytes)| account.data.get(*offset..).is_some_and(|rest| rest.starts_with(bytes)))
}

pub(super) fn of_program(chain: &Chain, params: Params) -> Answer {
    let (program, view, look) = (params.key(0)?, params.view(chain, 1)?, Look::of(params.get(1))?);
    let config = params.get(1);
    let filters = Option::<Vec<Filter>>::deserialize(field(config, "filters"))
        .map_err(|error| RpcError::bad_params(format!("Invalid params: {error}.")))?;
    let (mut sizes, mut parts) = (Vec::new(), Vec::new());
    for filter in filters.unwrap_or_default() {
        match filter {
            Filter::DataSize(size) => sizes.push(size),
            Filter::Memcmp(memcmp) => parts.push(memcmp.wanted()?),
        }
    }
    let mut list = Vec::new();
    for (address, account) in chain.program_accounts(view, &program) {
        if fits(&account, &sizes, &parts) {
            list.push(json!({"pubkey": address.to_string(), "account": look.account(chain, view, &account)?}));
        }
    }
    let list = Value::Array(list);
    Ok(if field(config, "withContext") == &json!(true) {
        with_context(view, list)
    } else {
        list
    })
}
