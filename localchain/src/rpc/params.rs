//! The positional parameters of a call, and what all methods read out of them the same way.

use {
    super::error::RpcError,
    crate::chain::{Chain, Commitment, View},
    serde::de::DeserializeOwned,
    serde_json::{Value, json},
    std::str::FromStr,
};

static NULL: Value = Value::Null;

/// The parameters, by position.
#[derive(Clone, Copy)]
pub(super) struct Params<'a>(&'a [Value]);

impl<'a> Params<'a> {
    pub(super) fn new(list: &'a [Value]) -> Self {
        Self(list)
    }

    /// The parameter at `at`; `null` when it is not there.
    pub(super) fn get(self, at: usize) -> &'a Value {
        self.0.get(at).unwrap_or(&NULL)
    }

    /// An address, a signature or a hash.
    pub(super) fn key<T: FromStr>(self, at: usize) -> Result<T, RpcError> {
        parse_key(self.get(at))
    }

    pub(super) fn text(self, at: usize) -> Result<&'a str, RpcError> {
        self.get(at).as_str().ok_or_else(|| missing(at, "a string"))
    }

    pub(super) fn u64(self, at: usize) -> Result<u64, RpcError> {
        self.get(at).as_u64().ok_or_else(|| missing(at, "u64"))
    }

    pub(super) fn list(self, at: usize) -> Result<&'a [Value], RpcError> {
        self.get(at)
            .as_array()
            .map(Vec::as_slice)
            .ok_or_else(|| missing(at, "a sequence"))
    }

    /// The parameter at `at` in a shape of our own.
    pub(super) fn shape<T: DeserializeOwned>(self, at: usize) -> Result<T, RpcError> {
        T::deserialize(self.get(at)).map_err(|error| RpcError::bad_params(format!("Invalid params: {error}.")))
    }

    /// The chain as the configuration at `at` wants to see it; without one, as it is finalized.
    pub(super) fn view(self, chain: &Chain, at: usize) -> Result<View, RpcError> {
        let config = self.get(at);
        let view = chain.view(commitment(field(config, "commitment"))?);
        match field(config, "minContextSlot").as_u64() {
            Some(wanted) if wanted > view.slot => Err(RpcError::min_context_slot(view.slot)),
            _ => Ok(view),
        }
    }
}

/// A field of a configuration object; `null` when it is not there.
pub(super) fn field<'a>(config: &'a Value, name: &str) -> &'a Value {
    config.get(name).unwrap_or(&NULL)
}

/// A commitment by name; absent is finalized.
pub(super) fn commitment(name: &Value) -> Result<Commitment, RpcError> {
    match name {
        Value::Null => Ok(Commitment::Finalized),
        Value::String(name) => Commitment::parse(name)
            .ok_or_else(|| RpcError::bad_params(format!("Invalid params: unknown variant `{name}`."))),
        _ => Err(RpcError::bad_params(
            "Invalid params: invalid type, expected a commitment.",
        )),
    }
}

pub(super) fn parse_key<T: FromStr>(value: &Value) -> Result<T, RpcError> {
    let text = value
        .as_str()
        .ok_or_else(|| RpcError::bad_params("Invalid params: invalid type, expected a string."))?;
    text.parse().map_err(|_| RpcError::bad_params("Invalid param: Invalid"))
}

/// `value` and the slot it was read at.
pub(super) fn with_context(view: View, value: Value) -> Value {
    json!({"context": {"apiVersion": super::cluster::VERSION, "slot": view.slot}, "value": value})
}

fn missing(at: usize, what: &str) -> RpcError {
    RpcError::bad_params(format!("Invalid params: parameter {at}: {what} is expected."))
}
