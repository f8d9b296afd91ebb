//! What goes the way of every payment and configuration: server, signer, chain.

use {
    super::{Errand, Life, Sent, UnderWay, assembled, configured},
    crate::{
        node::Tip,
        plan::{Ask, Coin},
    },
    portreeve_chain::{Action, Spend, Transaction},
    portreeve_kernel::{AgentId, Amount, TransactionId},
    portreeve_payment::Stage,
    portreeve_policy::SpendRequest,
    portreeve_signing::{
        Bytes,
        protocol::{Answer, Request},
    },
};

impl Life<'_> {
    /// Asks the server; what it allows is signed, and lands now or later.
    pub(super) fn pay(&mut self, coin: Coin, ask: Ask, to: u8, later: bool, tip: &Tip) -> Option<Transaction> {
        let (asset, currency, destination) = (self.world.asset(coin), self.world.currency(coin), self.shop(to));
        let counted = self
            .books
            .used(asset, self.now)
            .max(self.books.mirrored(asset, self.now));
        let most = self
            .books
            .most(asset, destination, currency.program(), counted, self.now);
        let amount = Amount::new(self.amount(ask, most)?).unwrap();
        let request = SpendRequest {
            asset,
            amount,
            destination,
            program: currency.program(),
        };
        if !matches!(self.books.decide(request, self.now), Ok((Stage::Reserved, _))) {
            self.tally.denied += 1;
            return None;
        }
        self.tally.allowed += 1;
        let spend = Spend {
            transaction: self.fresh(),
            currency,
            amount,
            destination,
            creates_token_account: false,
        };
        self.books.reserve(spend.transaction.clone(), asset, amount, self.now);
        let message = self
            .wallet
            .message(tip.blockhash, &self.wallet.spend(&spend).unwrap())
            .unwrap();
        let request = Request::SignSpend {
            transaction: spend.transaction.clone(),
            agent: self.wallet.keys().agent.clone(),
            message: Bytes(message.as_bytes().to_vec()),
        };
        let answer = match self.desk.ask(&request, self.now) {
            Ok(Answer::Spend(answer)) => answer,
            other => {
                self.fail(format!(
                    "the signer does not sign {amount} of {asset}, which the server allowed: {other:?}"
                ));
                return None;
            }
        };
        self.books
            .signed(&spend.transaction, answer.signed_at, answer.counts_until_base);
        let id = spend.transaction.clone();
        let under_way = UnderWay {
            spend,
            transaction: assembled(message, &answer.signatures),
            last_valid: tip.last_valid,
            signed_at: self.unix,
        };
        self.under_way.insert(id.clone(), under_way);
        if later { None } else { self.land(&id) }
    }

    pub(super) fn land(&mut self, id: &TransactionId) -> Option<Transaction> {
        let UnderWay { spend, transaction, .. } = self.under_way.get(id)?;
        let transaction = transaction.clone();
        let coin = if spend.asset() == self.world.asset(Coin::Sol) {
            Coin::Sol
        } else {
            Coin::Token
        };
        let (at, to, amount) = (self.limit(coin), spend.destination, spend.amount.units());
        let expected = self.foretold(|model, unix, agent| model.spend(at, unix, agent, to, amount));
        self.sent = Some(Sent {
            errand: Errand::Payment(id.clone()),
            expected,
        });
        Some(transaction)
    }

    /// Has a configuration signed by the signer's rules.
    pub(super) fn configure(
        &mut self,
        actions: &[Action],
        tip: &Tip,
        request: impl Fn(AgentId, Bytes) -> Request,
    ) -> Option<Transaction> {
        let message = self.wallet.message(tip.blockhash, actions).unwrap();
        let request = request(self.wallet.keys().agent.clone(), Bytes(message.as_bytes().to_vec()));
        match self.desk.configure(&request, self.now) {
            Ok(signatures) => {
                let expected = self.foretold(|model, unix, _| configured(model, actions, unix));
                self.sent = Some(Sent {
                    errand: Errand::Configuration,
                    expected,
                });
                Some(assembled(message, &signatures))
            }
            Err(refusal) => {
                self.fail(format!("the signer does not sign {actions:?}: {refusal:?}"));
                None
            }
        }
    }
}
