//! Token balances, accounts and supplies.

use {
    super::{
        Answer,
        encode::{Look, ui_amount},
        error::RpcError,
        params::{Params, field, parse_key, with_context},
    },
    crate::chain::{Chain, tokens},
    serde_json::{Value, json},
    solana_address::Address,
};

pub(super) fn balance(chain: &Chain, params: Params) -> Answer {
    let (address, view) = (params.key(0)?, params.view(chain, 1)?);
    let account = chain
        .account(view, &address)
        .ok_or_else(|| RpcError::bad_params("Invalid param: could not find account"))?;
    let holding = chain
        .holding(view, &account)
        .ok_or_else(|| RpcError::bad_params("Invalid param: not a Token account"))?;
    Ok(with_context(view, ui_amount(holding.amount, holding.decimals)))
}

/// Accounts of one owner, of the mint or the token program named in the second parameter.
pub(super) fn of_owner(chain: &Chain, params: Params) -> Answer {
    let owner: Address = params.key(0)?;
    let (view, look) = (params.view(chain, 2)?, Look::of(params.get(2))?);
    let (mint, program) = (field(params.get(1), "mint"), field(params.get(1), "programId"));
    let mint: Option<Address> = if mint.is_null() { None } else { Some(parse_key(mint)?) };
    let programs = match (mint, program) {
        (Some(_), _) => vec![tokens::TOKEN, tokens::TOKEN_2022],
        (None, Value::Null) => return Err(RpcError::bad_params("Invalid params: mint or programId is expected.")),
        (None, program) => vec![parse_key(program)?],
    };
    if !programs.iter().all(tokens::is_token_program) {
        return Err(RpcError::bad_params("Invalid param: unrecognized Token program id"));
    }
    let mut list = Vec::new();
    for program in programs {
        for (address, account) in chain.program_accounts(view, &program) {
            let holding = chain.holding(view, &account);
            let wanted = |one: &tokens::Holding| one.owner == owner && mint.is_none_or(|mint| mint == one.mint);
            if holding.as_ref().is_some_and(wanted) {
                list.push(json!({"pubkey": address.to_string(), "account": look.account(chain, view, &account)?}));
            }
        }
    }
    Ok(with_context(view, Value::Array(list)))
}

pub(super) fn supply(chain: &Chain, params: Params) -> Answer {
    let (address, view) = (params.key(0)?, params.view(chain, 1)?);
    let mint = chain.account(view, &address);
    let mint = mint.ok_or_else(|| RpcError::bad_params("Invalid param: could not find account"))?;
    let supply = mint
        .data
        .get(36..)
        .and_then(|data| data.first_chunk())
        .map(|bytes| u64::from_le_bytes(*bytes));
    let (Some(decimals), Some(supply)) = (tokens::decimals(&mint), supply) else {
        return Err(RpcError::bad_params("Invalid param: not a Token mint"));
    };
    Ok(with_context(view, ui_amount(supply, decimals)))
}
