//! What is held to account: the law at every payment, the model at every transaction and in every account.

use {
    super::{Errand, Life, Sent, UnderWay, expired},
    crate::{node::Outcome, plan::Coin},
    portreeve_chain::account::SpendingLimit,
    portreeve_kernel::{Address, Timestamp, TransactionId},
    portreeve_ledger::{Proof, WindowUse},
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

    /// At the end of a round: what the server would still allow, and what the signer would still sign, each by its own
    /// books alone, fits under the chain's limit; and the accounts on chain hold what the model says.
    pub(crate) fn compare(&mut self, accounts: &BTreeMap<Address, Option<Vec<u8>>>) {
        for (coin, at) in self
            .ours()
            .filter(|_| self.books.active && !self.robbed)
            .collect::<Vec<_>>()
        {
            let (asset, now) = (self.world.asset(coin), self.now);
            self.fits("server", coin, at, self.books.used(asset, now));
            // The signer relies on it that what it signs lands within minutes or never.
            if !self.late {
                self.fits("signer", coin, at, self.desk.used(asset, now));
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

    /// By what `counted` says, and with all that is under way, no shop gets more than the chain would give it.
    fn fits(&mut self, who: &str, coin: Coin, at: Address, counted: WindowUse) {
        let (asset, program) = (self.world.asset(coin), self.world.currency(coin).program());
        let (pending, left) = (self.books.pending(asset), self.model.left(at, self.unix));
        let listed = self.model.destinations(at).to_vec();
        for shop in &self.world.shops {
            let most = self.books.most(asset, *shop, program, counted, self.now);
            if most > 0 && (pending + most > left || !(listed.is_empty() || listed.contains(shop))) {
                return self.fail(format!(
                    "by the {who} {most} of {asset} may go to {shop} beside {pending} that are pending, by the chain \
                     {left} to {listed:?}"
                ));
            }
        }
    }
}

/// The program's own number in the chain's error.
fn custom(error: &Value) -> Option<u64> {
    error["InstructionError"][1]["Custom"].as_u64()
}
