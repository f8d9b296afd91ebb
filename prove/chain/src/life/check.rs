//! What is held to account: the law at every payment, the model at every transaction and in every account.

use {
    super::{Errand, Life, Sent, UnderWay, expired},
    crate::node::Outcome,
    portreeve_chain::account::SpendingLimit,
    portreeve_kernel::{Address, Timestamp, TransactionId},
    portreeve_ledger::Proof,
    serde_json::Value,
    std::collections::BTreeMap,
};

impl Life<'_> {
    /// What became of what [`Self::next`] gave.
    pub(crate) fn told(&mut self, outcome: &Outcome, height: u64) {
        let Sent { errand, expected } = self.sent.take().unwrap();
        if let Errand::Payment(id) = &errand {
            self.hold_to_the_law(id, outcome, height);
            if *outcome == Outcome::Never && self.trouble.is_none() {
                return;
            }
        } else if *outcome == Outcome::Never {
            self.fail("a transaction vanished".to_owned());
        }
        match (&expected, outcome) {
            (Ok(_), Outcome::Landed { .. }) => {}
            (Err(refusal), Outcome::Failed { error, .. }) if custom(error) == Some(refusal.number()) => {
                self.tally.refused_by_chain += 1;
            }
            _ => {
                let expected = expected.as_ref().map(|_| "yes");
                self.fail(format!("the model says {expected:?}, the program {outcome:?}"));
            }
        }
        if self.trouble.is_some() {
            return;
        }
        if let Ok(model) = expected {
            self.model = model;
            match errand {
                Errand::Payment(_) => self.tally.landed += 1,
                Errand::Configuration => self.tally.configured += 1,
                Errand::Theft => {
                    self.tally.stolen += 1;
                    self.robbed = true;
                }
                Errand::Attempt => self.tally.attempts += 1,
            }
        }
    }

    /// What the server allowed, the chain does not refuse: as long as the agent is active and nobody spent past us.
    fn hold_to_the_law(&mut self, id: &TransactionId, outcome: &Outcome, height: u64) {
        let Some(UnderWay { spend, last_valid, .. }) = self.under_way.remove(id) else {
            return self.fail(format!("{id} was not under way"));
        };
        match outcome {
            Outcome::Landed { .. } => self.books.landed(id, Timestamp::from_seconds(self.unix), self.now),
            Outcome::Failed { slot, error } => {
                self.books.released(id, &Proof::FailedOnChain { slot: *slot });
                if self.books.active && !self.robbed {
                    self.fail(format!(
                        "the chain refuses what the server allowed: {error} for {spend:?}"
                    ));
                }
            }
            Outcome::Never if height > last_valid => {
                self.tally.lost += 1;
                self.books.released(id, &expired(last_valid));
            }
            Outcome::Never => self.fail(format!("{id} vanished before its blockhash expired")),
        }
    }

    /// At the end of a round: what is reserved and what would still be allowed fits under the chain's limit, and the
    /// accounts on chain hold what the model says.
    pub(crate) fn compare(&mut self, accounts: &BTreeMap<Address, Option<Vec<u8>>>) {
        for (coin, at) in self.ours().collect::<Vec<_>>() {
            if self.robbed || !self.books.active {
                continue;
            }
            let asset = self.world.asset(coin);
            let program = self.world.currency(coin).program();
            for shop in &self.world.shops {
                let most = self.books.most(asset, *shop, program, self.now);
                let (ours, left) = (self.books.pending(asset) + most, self.model.left(at, self.unix));
                let listed = self.model.destinations(at);
                if most > 0 && (ours > left || !(listed.is_empty() || listed.contains(shop))) {
                    self.fail(format!(
                        "the server would let {ours} of {asset} go to {shop}, the chain {left} to {listed:?}"
                    ));
                    return;
                }
            }
        }
        for at in self.addresses_on_chain() {
            let found = accounts[&at]
                .as_deref()
                .map(|data| SpendingLimit::decode(data).unwrap());
            let trouble = match (self.model.get(at), found) {
                (None, None) => None,
                (Some(limit), Some(found)) => limit.difference(&found),
                (expected, found) => Some(format!("the model says {expected:?}, the program {found:?}")),
            };
            self.tally.compared += 1;
            if let Some(trouble) = trouble {
                return self.fail(trouble);
            }
        }
    }
}

/// The program's own number in the chain's error.
fn custom(error: &Value) -> Option<u64> {
    error["InstructionError"][1]["Custom"].as_u64()
}
