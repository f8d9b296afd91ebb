//! Where the acts are played: one house, a signer that is nobody's child, and a server that is started anew for every
//! death. Both start in a moment, so that there can be many.

use {
    super::act::{Act, TOKENS_HELD, mints, token, with_a_token},
    crate::{
        estate::{Agent, Estate, policy, until},
        house::{House, Running, SOL},
    },
    serde_json::json,
    std::{
        collections::BTreeMap,
        panic::{AssertUnwindSafe, catch_unwind},
    },
};

/// Where a process is told where to die; nowhere, when it is empty.
const ARMED: &str = "PORTREEVE_KILL_POINT";

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Victim {
    Server,
    Signer,
}

impl Victim {
    /// Who comes by a place.
    pub(super) fn at(point: &str) -> Self {
        if point.starts_with("signer.") {
            Self::Signer
        } else {
            Self::Server
        }
    }
}

/// The house and its people, and what should be true of them by now.
pub(super) struct Stage {
    pub(super) estate: Estate,
    signer: Option<Running>,
    /// Pays, and is suspended and resumed.
    pub(super) agent: Agent,
    /// Pays in a token.
    pub(super) buyer: Agent,
    pub(super) shop: String,
    /// Lamports that have been paid.
    pub(super) landed: u64,
    /// Units of the token that have been paid.
    pub(super) tokens_landed: u64,
    /// Lamports that the signer has signed for; what never landed counts there all the same.
    pub(super) signed: u64,
    /// False while the server is down.
    serving: bool,
    /// How often the chain had changed the agent's limit before the act.
    pub(super) changes: usize,
    /// What is played now, for names and idempotency keys.
    pub(super) number: u32,
}

impl Stage {
    pub(super) fn set() -> Self {
        let mut house = House::built_quick();
        let signer = house.lone_signer(&[]);
        assert!(house.try_serve_beside(&[]));
        let estate = Estate::of(house);
        let shop = estate.house.somebody();
        estate.house.chain.airdrop(&shop, SOL);
        let chain = &estate.house.chain;
        for mint in mints() {
            chain.create_mint(&json!({"address": mint, "decimals": 6}));
        }
        let agent = estate.agent("tester", &policy());
        let buyer = estate.agent("buyer", &with_a_token());
        chain.mint_to(&token(), &buyer.vault(), TOKENS_HELD);
        Self {
            estate,
            signer: Some(signer),
            agent,
            buyer,
            shop,
            landed: 0,
            tokens_landed: 0,
            signed: 0,
            serving: true,
            changes: 0,
            number: 0,
        }
    }

    /// Plays one act in which the victim dies when it comes by `point` for the `nth` time. False when it never did.
    pub(super) fn play(&mut self, act: Act, point: &str, nth: u32) -> bool {
        self.number += 1;
        let armed = format!("{point}#{nth}");
        let played = catch_unwind(AssertUnwindSafe(|| {
            let new = act.prepare(self);
            let died = match Victim::at(point) {
                Victim::Server => self.server_dies_at(&armed, |stage| act.attempt(stage, new.as_ref())),
                Victim::Signer => self.signer_dies_at(&armed, |stage| act.attempt(stage, new.as_ref())),
            };
            act.finish(self, new.as_ref());
            act.check(self, new.as_ref());
            died
        }));
        played.unwrap_or_else(|_| panic!("{act:?} with a death at {armed}"))
    }

    /// Whether an armed server died in `attempt`, or before it listened. A healthy one runs afterwards.
    fn server_dies_at(&mut self, armed: &str, attempt: impl FnOnce(&mut Self)) -> bool {
        self.stop_server();
        if self.start_server(armed) {
            attempt(self);
        }
        // What it does last, it does while it stops.
        let died = self.estate.house.has_ended() || self.estate.house.stop().code != 0;
        self.bury_server();
        assert!(
            self.start_server(""),
            "after a death at {armed} the server starts again"
        );
        died
    }

    /// Whether an armed signer died in `attempt`. A healthy one runs afterwards.
    fn signer_dies_at(&mut self, armed: &str, attempt: impl FnOnce(&mut Self)) -> bool {
        drop(self.signer.take());
        self.signer = Some(self.estate.house.lone_signer(&[(ARMED, armed)]));
        if !self.serving {
            assert!(self.start_server(""));
        }
        attempt(self);
        let mut signer = self.signer.take().unwrap();
        let died = signer.has_ended() || signer.stop().code != 0;
        self.signer = Some(self.estate.house.lone_signer(&[]));
        died
    }

    /// Starts a server that dies at `armed`, or a healthy one. False when it dies before it listens.
    pub(super) fn start_server(&mut self, armed: &str) -> bool {
        self.serving = true;
        self.estate.house.try_serve_beside(&[(ARMED, armed)])
    }

    /// Stops the server, if one runs. What it was at is in the database.
    pub(super) fn stop_server(&mut self) {
        if self.serving {
            let ended = self.estate.house.stop();
            assert_eq!(ended.code, 0, "{}", ended.stderr);
            self.serving = false;
        }
    }

    /// Takes away a server that has died.
    pub(super) fn bury_server(&mut self) {
        self.serving = false;
    }

    /// Looks until `over` says that the act is, or somebody is dead. `over` says `None` when the server does not answer.
    pub(super) fn watch(&mut self, what: &str, mut over: impl FnMut(&Estate) -> Option<bool>) {
        until(what, || {
            let dead = self.estate.house.has_ended() || self.signer.as_mut().is_some_and(Running::has_ended);
            (dead || over(&self.estate) == Some(true)).then_some(())
        });
    }

    /// The audit log is one chain, and tells of every act once.
    pub(super) fn close(&self) {
        self.be("ACTIVE");
        let mut told: BTreeMap<(String, String), u32> = BTreeMap::new();
        for entry in self.estate.books().audit() {
            let once = [
                "agent.created",
                "transaction.reserved",
                "transaction.signed",
                "transaction.confirmed",
                "transaction.failed",
            ];
            if once.contains(&entry.kind.as_str()) {
                *told.entry((entry.kind, entry.subject)).or_default() += 1;
            }
        }
        let twice: Vec<_> = told.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        let key = format!("last-{}", self.number);
        self.estate.paid(&self.agent, &self.shop, SOL / 1000, &key);
    }
}
