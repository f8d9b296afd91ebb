//! What a client asks for, checked before any rule is asked.

use {
    crate::agents::AgentRow,
    axum::http::HeaderMap,
    portreeve_guard::{Problem, not_found, text},
    portreeve_kernel::{Address, AgentId, Amount, Asset, Code, Mint, Principal},
    sha2::{Digest, Sha256},
};

const MEMO_MAX: usize = 200;

/// Names one payment of one agent: the same key is the same payment, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// From the request's `Idempotency-Key` header.
    ///
    /// # Errors
    /// 428 when it is missing, 400 when it is repeated, empty, too long or not visible ASCII.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut values = headers.get_all("idempotency-key").iter();
        let value = values
            .next()
            .ok_or_else(|| Problem::new(Code::RequestIdempotencyKeyMissing).param("Idempotency-Key"))?;
        let malformed = || {
            Problem::new(Code::ValidationInvalidFormat)
                .detail("an Idempotency-Key is one header of 1 to 255 visible ASCII characters")
                .param("Idempotency-Key")
        };
        if values.next().is_some() {
            return Err(malformed());
        }
        value.to_str().ok().and_then(Self::parse).ok_or_else(malformed)
    }

    /// 1 to 255 visible ASCII characters; nothing else is one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        ((1..=255).contains(&text.len()) && visible).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A payment that is well-formed. Whether it is allowed is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) agent: AgentId,
    pub(crate) asset: Asset,
    pub(crate) amount: Amount,
    pub(crate) to: Address,
    pub(crate) memo: Option<String>,
}

impl Order {
    /// Checks what was sent. An agent's own key need not name the agent, and may name no other.
    ///
    /// # Errors
    /// A problem that names the field.
    pub(crate) fn check(
        caller: &Principal,
        agent: Option<AgentId>,
        to: Address,
        amount: Amount,
        memo: Option<String>,
    ) -> Result<Self, Problem> {
        let agent = match (&caller.agent, agent) {
            (Some(own), Some(named)) if *own != named => return Err(not_found::<AgentId>()),
            (Some(own), _) => own.clone(),
            (None, Some(named)) => named,
            (None, None) => {
                return Err(Problem::new(Code::ValidationRequiredField)
                    .detail("a key that is not bound to an agent has to say which agent pays")
                    .param("agentId"));
            }
        };
        if to == Address::SYSTEM_PROGRAM {
            return Err(Problem::new(Code::ValidationOutOfRange)
                .detail("the system program is no wallet; money sent there is lost")
                .param("to"));
        }
        if let Some(memo) = &memo {
            text::check("memo", "a memo", memo, 0..=MEMO_MAX)?;
        }
        Ok(Self {
            agent,
            asset: Asset::Sol,
            amount,
            to,
            memo,
        })
    }

    /// Checks that it does not pay the agent itself.
    ///
    /// # Errors
    /// A problem that names the field.
    pub(crate) fn is_to_somebody_else(&self, agent: &AgentRow) -> Result<(), Problem> {
        if [agent.vault, agent.multisig].contains(&Some(self.to)) {
            return Err(Problem::new(Code::ValidationOutOfRange)
                .detail("that is the agent's own wallet; a payment goes to somebody else")
                .param("to"));
        }
        Ok(())
    }

    /// The same in the token of `mint`, or in SOL without one.
    pub(crate) fn paid_in(self, mint: Option<Mint>) -> Self {
        let asset = mint.map_or(Asset::Sol, Asset::Token);
        Self { asset, ..self }
    }

    /// What makes two requests the same: every field, each with its length, so that none runs into the next.
    pub(crate) fn hash(&self) -> String {
        let mut hash = Sha256::new();
        let memo = self
            .memo
            .as_deref()
            .map_or_else(|| "-".to_owned(), |memo| format!("+{memo}"));
        let (asset, to, amount) = (self.asset.to_string(), self.to.to_string(), self.amount.to_string());
        for part in [self.agent.as_str(), &asset, &to, &amount, &memo] {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Address::new(hash.finalize().into()).to_string()
    }
}

#[cfg(test)]
mod tests {
    use {super::*, axum::http::HeaderValue};

    fn key(values: &[&[u8]]) -> Result<IdempotencyKey, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("idempotency-key", HeaderValue::from_bytes(value).unwrap());
        }
        IdempotencyKey::from_headers(&headers).map_err(|problem| problem.code())
    }

    #[test]
    fn an_idempotency_key_is_1_to_255_visible_characters() {
        assert_eq!(key(&[]).unwrap_err(), Code::RequestIdempotencyKeyMissing);
        assert_eq!(key(&[b"k1"]).unwrap().as_str(), "k1");
        assert!(key(&[&[b'x'; 255]]).is_ok());
        for bad in [b"".as_slice(), &[b'x'; 256], b"a b", b"a\tb", "ü".as_bytes()] {
            assert_eq!(key(&[bad]).unwrap_err(), Code::ValidationInvalidFormat, "{bad:?}");
        }
        assert_eq!(key(&[b"a", b"a"]).unwrap_err(), Code::ValidationInvalidFormat, "twice");
    }

    #[test]
    fn two_orders_have_one_hash_only_when_every_field_is_the_same() {
        let agent: AgentId = "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W".parse().unwrap();
        let order = |amount, memo: Option<&str>| Order {
            agent: agent.clone(),
            asset: Asset::Sol,
            amount: Amount::new(amount).unwrap(),
            to: Address::new([7; 32]),
            memo: memo.map(str::to_owned),
        };
        assert_eq!(order(1, None).hash(), order(1, None).hash());
        assert_ne!(order(1, None).hash(), order(2, None).hash());
        assert_ne!(order(1, None).hash(), order(1, Some("")).hash());
        assert_ne!(order(1, Some("-")).hash(), order(1, None).hash());
        let token = |byte| order(1, None).paid_in(Some(Mint::new(Address::new([byte; 32])))).hash();
        assert_ne!(token(1), order(1, None).hash());
        assert_ne!(token(1), token(2));
    }
}
