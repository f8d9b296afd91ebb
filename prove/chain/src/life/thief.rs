//! What goes past server and signer: by whoever holds the agent's key, and by the owner's own.

use {
    super::{Beside, Errand, Life, Sent, configured},
    crate::{node::Tip, plan::Coin, world::signed},
    portreeve_chain::{
        Action, Programs, Transaction,
        decode::compile,
        pda,
        squads::{AddSpendingLimit, Period, UseSpendingLimit},
    },
    portreeve_kernel::{Address, Amount},
    portreeve_signing::limits_on_chain,
};

impl Life<'_> {
    /// Spends on chain without asking the server.
    pub(super) fn attempt(
        &mut self,
        coin: Coin,
        at: Address,
        amount: u64,
        to: u8,
        as_agent: bool,
        tip: &Tip,
    ) -> Option<Transaction> {
        let (world, purse) = (self.world, &self.world.household.purse);
        let member = if as_agent {
            self.desk.agent_key().public()
        } else {
            world.household.stranger.public()
        };
        let to = self.shop(to);
        let action = UseSpendingLimit {
            multisig: self.wallet.multisig(),
            member,
            limit: at,
            destination: to,
            currency: world.currency(coin),
            amount: Amount::new(amount).unwrap(),
            memo: Some(self.fresh().to_string()),
        };
        let message = compile(&Programs::default(), purse.public(), tip.blockhash, &[action.into()]).unwrap();
        let expected = self.foretold(|model, unix, _| model.spend(at, unix, member, to, amount));
        let theft = expected.is_ok() && self.ours().any(|(_, ours)| ours == at);
        self.sent = Some(Sent {
            errand: if theft { Errand::Theft } else { Errand::Attempt },
            expected,
        });
        let key = if as_agent {
            self.desk.agent_key()
        } else {
            &world.household.stranger
        };
        Some(signed(message, &[purse, key]))
    }

    pub(super) fn add_beside(
        &mut self,
        coin: Coin,
        period: u8,
        amount: u64,
        closed: bool,
        tip: &Tip,
    ) -> Option<Transaction> {
        let period = [Period::OneTime, Period::Day, Period::Week, Period::Month][usize::from(period)];
        let mut create_key = [9; 32];
        create_key[..8].copy_from_slice(&self.plan.number.to_le_bytes());
        create_key[8..16].copy_from_slice(&self.counter.to_le_bytes());
        self.counter += 1;
        let create_key = Address::new(create_key);
        let asset = self.world.asset(coin);
        let spec = limits_on_chain(&self.books.policy)
            .into_iter()
            .find(|spec| spec.asset == asset)?;
        let stranger = self.world.household.stranger.public();
        let add = AddSpendingLimit {
            create_key,
            amount: Amount::new(amount * self.plan.scale).unwrap(),
            period,
            members: vec![self.wallet.keys().agent_key, stranger],
            destinations: if closed { vec![self.shop(0)] } else { Vec::new() },
            ..self.wallet.add_limit(&spec).unwrap()
        };
        let at = pda::spending_limit(&Programs::default(), &add.multisig, &create_key);
        self.beside.push(Beside { at, coin });
        self.past_us(add.into(), tip)
    }

    /// What the owner's key does without the signer's rules.
    pub(super) fn past_us(&mut self, action: Action, tip: &Tip) -> Option<Transaction> {
        let keys = [&self.world.household.fee_payer, &self.world.household.owner];
        let actions = [action];
        let message = compile(&Programs::default(), keys[0].public(), tip.blockhash, &actions).unwrap();
        let expected = self.foretold(|model, unix, _| configured(model, &actions, unix));
        self.sent = Some(Sent {
            errand: Errand::Attempt,
            expected,
        });
        Some(signed(message, &keys))
    }
}
