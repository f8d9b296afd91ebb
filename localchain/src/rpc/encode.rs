//! Accounts and bytes as JSON, in the encodings a client may ask for.

use {
    super::{error::RpcError, params::field},
    crate::chain::{
        Chain, View,
        tokens::{self, Holding},
    },
    base64::{Engine, prelude::BASE64_STANDARD},
    serde_json::{Value, json},
    solana_account::Account,
};

/// Longest data the slow base58 encoding is used for, in bytes.
const BASE58_LIMIT: usize = 128;

/// How account data is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// A bare base58 string: what early clients got, and still what who asks for nothing gets.
    Binary,
    Base58,
    Base64,
    Parsed,
}

/// How a client wants accounts to look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    encoding: Encoding,
    /// Offset and length in bytes.
    slice: Option<(usize, usize)>,
}

impl Look {
    /// Reads `encoding` and `dataSlice` of a configuration.
    pub(super) fn of(config: &Value) -> Result<Self, RpcError> {
        let encoding = match field(config, "encoding") {
            Value::Null => Encoding::Binary,
            name => match name.as_str() {
                Some("binary") => Encoding::Binary,
                Some("base58") => Encoding::Base58,
                Some("base64") => Encoding::Base64,
                Some("jsonParsed") => Encoding::Parsed,
                _ => {
                    return Err(RpcError::bad_params(format!(
                        "Invalid params: unknown encoding {name}."
                    )));
                }
            },
        };
        let slice = match field(config, "dataSlice") {
            Value::Null => None,
            slice => Some((size(field(slice, "offset"))?, size(field(slice, "length"))?)),
        };
        Ok(Self { encoding, slice })
    }

    /// An account as this client wants to see it.
    pub(super) fn account(self, chain: &Chain, view: View, account: &Account) -> Result<Value, RpcError> {
        Ok(json!({
            "lamports": account.lamports, "owner": account.owner.to_string(), "executable": account.executable,
            "rentEpoch": u64::MAX, "space": account.data.len(), "data": self.data(chain, view, account)?,
        }))
    }

    fn data(self, chain: &Chain, view: View, account: &Account) -> Result<Value, RpcError> {
        let data = match self.slice {
            None => account.data.as_slice(),
            Some((offset, length)) => {
                let rest = account.data.get(offset..).unwrap_or_default();
                rest.get(..length).unwrap_or(rest)
            }
        };
        match self.encoding {
            Encoding::Binary => Ok(json!(base58(data)?)),
            Encoding::Base58 => Ok(json!([base58(data)?, "base58"])),
            Encoding::Parsed => match chain.holding(view, account) {
                Some(holding) => Ok(parsed_holding(&holding, account.data.len())),
                None => Ok(json!([BASE64_STANDARD.encode(data), "base64"])),
            },
            Encoding::Base64 => Ok(json!([BASE64_STANDARD.encode(data), "base64"])),
        }
    }
}

fn size(value: &Value) -> Result<usize, RpcError> {
    let size = value.as_u64().and_then(|size| usize::try_from(size).ok());
    size.ok_or_else(|| RpcError::bad_params("Invalid params: dataSlice wants offset and length."))
}

fn base58(data: &[u8]) -> Result<String, RpcError> {
    if data.len() > BASE58_LIMIT {
        let message = "Encoded binary (base 58) data should be less than 128 bytes, please use Base64 encoding.";
        return Err(RpcError::bad_params(message));
    }
    Ok(bs58::encode(data).into_string())
}

fn parsed_holding(holding: &Holding, space: usize) -> Value {
    let program = if holding.program == tokens::TOKEN {
        "spl-token"
    } else {
        "spl-token-2022"
    };
    json!({
        "program": program, "space": space,
        "parsed": {"type": "account", "info": {
            "mint": holding.mint.to_string(), "owner": holding.owner.to_string(), "isNative": false,
            "state": if holding.frozen { "frozen" } else { "initialized" },
            "tokenAmount": ui_amount(holding.amount, holding.decimals),
        }},
    })
}

/// A token amount in the four ways Solana writes it.
pub(super) fn ui_amount(amount: u64, decimals: u8) -> Value {
    let text = tokens::decimal_text(amount, decimals);
    json!({
        "amount": amount.to_string(), "decimals": decimals,
        "uiAmount": text.parse::<f64>().ok(), "uiAmountString": text,
    })
}

/// Bytes out of base58 or base64; `what` is named when they are not.
pub(super) fn decode(text: &str, encoding: Option<&str>, what: &str) -> Result<Vec<u8>, RpcError> {
    match encoding {
        Some("base64") => BASE64_STANDARD
            .decode(text)
            .map_err(|error| RpcError::bad_params(format!("invalid base64 encoding of {what}: {error}"))),
        None | Some("base58") => bs58::decode(text)
            .into_vec()
            .map_err(|error| RpcError::bad_params(format!("invalid base58 encoding of {what}: {error}"))),
        Some(other) => Err(RpcError::bad_params(format!(
            "unsupported encoding: {other}. Supported: base58, base64"
        ))),
    }
}
