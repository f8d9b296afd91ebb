//! The server's side: its policy and its ledger, made of the product's own rules. What the store keeps in tables stands
//! here in memory, one account for the server's sums and one that mirrors the signer's.

use {
    portreeve_kernel::{Address, Amount, Asset, Code, Now, Timestamp, TransactionId},
    portreeve_ledger::{AccountState, Before, Entry, Proof, Window, WindowUse, cutoff, release, reserve, settle, used},
    portreeve_payment::{Case, Stage, landed_at},
    portreeve_policy::{AgentPolicy, Decision, SpendRequest},
    std::collections::BTreeMap,
};

#[derive(Debug, Clone, Default)]
struct Account {
    state: AccountState,
    entries: Vec<Entry>,
}

impl Account {
    fn used(&self, now: Now) -> WindowUse {
        let before = |window| {
            let latest = cutoff(now, window);
            let gone = self.entries.iter().rfind(|entry| entry.settled_at <= latest);
            gone.map_or_else(Default::default, |entry| entry.running_total)
        };
        let before = Before {
            day: before(Window::Day),
            week: before(Window::Week),
            month: before(Window::Month),
        };
        used(&self.state, &before).unwrap()
    }

    fn settle(&mut self, amount: Amount, at: Timestamp) {
        let (state, entry) = settle(&self.state, amount, at).unwrap();
        self.state = state;
        self.entries.push(entry);
    }
}

#[derive(Debug, Clone, Default)]
struct Purse {
    server: Account,
    signer: Account,
}

/// What was reserved and has not ended.
#[derive(Debug, Clone)]
struct Reserved {
    asset: Asset,
    amount: Amount,
    created_at: Timestamp,
    signed: bool,
}

/// One agent, as the server sees it.
#[derive(Debug, Clone)]
pub(crate) struct Books {
    pub(crate) policy: AgentPolicy,
    pub(crate) active: bool,
    purses: BTreeMap<Asset, Purse>,
    reserved: BTreeMap<TransactionId, Reserved>,
    last_spend_at: Option<Timestamp>,
}

impl Books {
    pub(crate) fn new(policy: AgentPolicy) -> Self {
        Self {
            policy,
            active: true,
            purses: BTreeMap::new(),
            reserved: BTreeMap::new(),
            last_spend_at: None,
        }
    }

    /// What the server decides.
    pub(crate) fn decide(&self, request: SpendRequest, now: Now) -> Result<(Stage, Decision), Code> {
        let (server, signer) = (self.used(request.asset, now), self.mirrored(request.asset, now));
        self.judge(request, server, signer, now)
    }

    fn judge(
        &self,
        request: SpendRequest,
        server: WindowUse,
        signer: WindowUse,
        now: Now,
    ) -> Result<(Stage, Decision), Code> {
        let case = Case {
            may_pay: if self.active { Ok(()) } else { Err(Code::AgentSuspended) },
            policy: &self.policy,
            request,
            server,
            signer,
            last_spend_at: self.last_spend_at,
            unsigned: self.reserved.values().filter(|reserved| !reserved.signed).count() as u64,
        };
        case.decide(now)
    }

    /// The most that would be paid to `to` now, if this is what counts.
    pub(crate) fn most(&self, asset: Asset, to: Address, program: Address, counted: WindowUse, now: Now) -> u64 {
        let request = SpendRequest {
            asset,
            amount: Amount::new(1).unwrap(),
            destination: to,
            program,
        };
        self.judge(request, counted, WindowUse::default(), now)
            .map_or(0, |(_, decision)| decision.max_amount_now.units())
    }

    /// What the server's own ledger counts.
    pub(crate) fn used(&self, asset: Asset, now: Now) -> WindowUse {
        self.purses
            .get(&asset)
            .map_or_else(WindowUse::default, |purse| purse.server.used(now))
    }

    /// What its mirror of the signer's books counts.
    pub(crate) fn mirrored(&self, asset: Asset, now: Now) -> WindowUse {
        self.purses
            .get(&asset)
            .map_or_else(WindowUse::default, |purse| purse.signer.used(now))
    }

    /// What is reserved of `asset` and may still land.
    pub(crate) fn pending(&self, asset: Asset) -> u64 {
        self.purses
            .get(&asset)
            .map_or(0, |purse| purse.server.state.pending.units())
    }

    pub(crate) fn reserve(&mut self, id: TransactionId, asset: Asset, amount: Amount, now: Now) {
        let purse = self.purses.entry(asset).or_default();
        for account in [&mut purse.server, &mut purse.signer] {
            account.state = reserve(&account.state, amount).unwrap();
        }
        let (created_at, signed) = (now.for_expiry(), false);
        self.reserved.insert(
            id,
            Reserved {
                asset,
                amount,
                created_at,
                signed,
            },
        );
    }

    /// The signer counts it from `counts_from` on, for good.
    pub(crate) fn signed(&mut self, id: &TransactionId, signed_at: Timestamp, counts_from: Timestamp) {
        let reserved = self.reserved.get_mut(id).unwrap();
        reserved.signed = true;
        let purse = self.purses.get_mut(&reserved.asset).unwrap();
        purse.signer.settle(reserved.amount, counts_from);
        self.last_spend_at = self.last_spend_at.max(Some(signed_at));
    }

    /// The chain shows it, in a block of this time.
    pub(crate) fn landed(&mut self, id: &TransactionId, block_time: Timestamp, now: Now) {
        let reserved = self.reserved.remove(id).unwrap();
        let at = landed_at(Some(block_time), reserved.created_at, now);
        self.purses
            .get_mut(&reserved.asset)
            .unwrap()
            .server
            .settle(reserved.amount, at);
    }

    /// It is proven that it never lands. What was signed stays spent in the signer's account.
    pub(crate) fn released(&mut self, id: &TransactionId, proof: &Proof) {
        let reserved = self.reserved.remove(id).unwrap();
        assert!(reserved.signed, "here everything is signed at once");
        let account = &mut self.purses.get_mut(&reserved.asset).unwrap().server;
        account.state = release(&account.state, reserved.amount, proof).unwrap();
    }
}
