//! A house at work: its owner with the approval key in hand, and agents that can pay. For tests about money, where the
//! command line would only be in the way.

mod books;
mod squads;
mod thief;

pub use {
    books::Books,
    squads::SquadsAccount,
    thief::{spend, transaction},
};

use {
    crate::house::{Answer, Api, House, SOL},
    base64::{Engine, prelude::BASE64_STANDARD},
    portreeve_chain::{AgentKeys, AgentWallet, Programs},
    portreeve_kernel::{AgentId, proof::Challenge},
    portreeve_notes::testing::Plan,
    portreeve_policy::{AgentPolicy, approval_challenge},
    portreeve_signing::{key::SecretKey, protocol::Enrolment, resume_challenge, sealed::KeyFile},
    serde_json::{Value, json},
    std::{fs, thread, time::Duration},
};

/// What a tester may spend: 1 SOL at once, 5 a day.
pub fn policy() -> Value {
    json!({"preset": "custom", "limits": {"perTransaction": SOL.to_string(), "daily": (5 * SOL).to_string()}})
}

/// Looks every 20 ms, for at most half a minute.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1500 {
        if let Some(found) = look() {
            return found;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("never: {what}");
}

/// A house, and the owner's side of it.
pub struct Estate {
    /// Its processes.
    pub house: House,
    /// What the owner approves policies with.
    pub approval: SecretKey,
    /// The keys that every wallet of the house shares.
    pub enrolment: Enrolment,
    owner_key: String,
}

/// An agent, its own API key, and its wallet.
#[derive(Clone)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// Its own API key.
    pub key: String,
    /// Its accounts on chain.
    pub wallet: AgentWallet,
}

/// By what an OAuth client proves itself.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
}

impl Client {
    /// The value of an `Authorization` header.
    pub fn basic(&self) -> String {
        format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("{}:{}", self.id, self.secret))
        )
    }
}

impl Agent {
    /// Where the agent's money is.
    pub fn vault(&self) -> String {
        self.wallet.vault().to_string()
    }

    /// The agent over HTTP.
    pub fn path(&self) -> String {
        format!("/api/v1/agents/{}", self.id)
    }
}

impl Estate {
    /// A new house with the server running, and a small vault.
    pub fn open() -> Self {
        let plan = Plan {
            entities: 40,
            ..Plan::default()
        };
        Self::of(House::with_vault(&plan).0)
    }

    /// The owner's side of a house whose signer runs.
    pub fn of(house: House) -> Self {
        let read = |name: &str| fs::read_to_string(house.home().join("owner").join(name)).unwrap();
        let sealed: KeyFile = serde_json::from_str(&read("approval.json")).unwrap();
        let approval = sealed.open("approval", read("passphrase").trim().as_bytes()).unwrap();
        let (owner_key, enrolment) = (house.owner_key(), house.signer_client().enrolment());
        Self {
            house,
            approval,
            enrolment,
            owner_key,
        }
    }

    /// The API with the owner's key.
    pub fn owner(&self) -> Api {
        self.house.api(&self.owner_key)
    }

    /// Asks for an agent. It waits for the owner's approval then.
    pub fn ask_for_agent(&self, nickname: &str, policy: &Value) -> AgentId {
        id_of(self.try_ask_for_agent(nickname, policy).unwrap().is(201))
    }

    /// The same; `None` when the server goes away before it answers.
    pub fn try_ask_for_agent(&self, nickname: &str, policy: &Value) -> Option<Answer> {
        let body = json!({"nickname": nickname, "policy": policy});
        self.owner()
            .try_send(minreq::Method::Post, "/api/v1/agents", Some(&body), &[])
    }

    /// Those of the newest hundred agents that are called `nickname`.
    #[track_caller]
    pub fn named(&self, nickname: &str) -> Vec<Value> {
        let list = self.owner().get("/api/v1/agents?limit=100").is(200)["items"].clone();
        let called = |agent: &&Value| agent["nickname"] == nickname;
        list.as_array().unwrap().iter().filter(called).cloned().collect()
    }

    /// Approves what waits for approval. `None` when the server goes away meanwhile.
    pub fn approve(&self, agent: &AgentId) -> Option<Answer> {
        let path = format!("/api/v1/agents/{agent}");
        let shown = self.owner().try_send(minreq::Method::Get, &path, None, &[])?;
        let asked = &shown.is(200)["policyApproval"];
        let policy: AgentPolicy = serde_json::from_value(asked["policy"].clone()).unwrap();
        let proof = self.approval.approve(&approval_challenge(agent, &policy));
        let body = json!({"policyVersion": policy.version, "proof": proof});
        let path = format!("{path}/policy/approval");
        self.owner().try_send(minreq::Method::Post, &path, Some(&body), &[])
    }

    /// An active agent as [`Estate::agent`] makes it, with an OAuth client of its own.
    pub fn agent_with_client(&self, nickname: &str, policy: &Value) -> (Agent, Client) {
        let body = json!({"nickname": nickname, "policy": policy, "registerOAuthClient": true});
        let made = self.owner().post("/api/v1/agents", &body);
        let made = made.is(201);
        let text = |name: &str| made["oauthClient"][name].as_str().unwrap().to_owned();
        let client = Client {
            id: text("clientId"),
            secret: text("clientSecret"),
        };
        let id = id_of(made);
        self.approve(&id).unwrap().is(200);
        self.house.until_active(id.as_str());
        (self.settle_in(&id), client)
    }

    /// An active agent with ten SOL in its vault and a key of its own.
    pub fn agent(&self, nickname: &str, policy: &Value) -> Agent {
        let id = self.ask_for_agent(nickname, policy);
        self.approve(&id).unwrap().is(200);
        self.house.until_active(id.as_str());
        self.settle_in(&id)
    }

    /// Funds an active agent and gives it a key.
    pub fn settle_in(&self, id: &AgentId) -> Agent {
        let shown = self.shown(id);
        let keys = AgentKeys {
            agent: id.clone(),
            agent_key: shown["agentPublicKey"].as_str().unwrap().parse().unwrap(),
            owner_key: self.enrolment.owner_key,
            fee_payer: self.enrolment.fee_payer,
        };
        let wallet = AgentWallet::new(keys, Programs::default()).unwrap();
        assert_eq!(shown["vaultAddress"], wallet.vault().to_string());
        self.house.chain.airdrop(&wallet.vault().to_string(), 10 * SOL);
        let scopes = [
            "transactions:execute",
            "transactions:read",
            "wallets:read",
            "policies:read",
            "agents:read",
        ];
        let key = self.key(&json!({"name": "own", "agentId": id, "scopes": scopes}));
        Agent {
            id: id.clone(),
            key,
            wallet,
        }
    }

    /// A new API key.
    pub fn key(&self, body: &Value) -> String {
        let made = self.owner().post("/api/v1/auth/keys", body);
        made.is(201)["key"].as_str().unwrap().to_owned()
    }

    /// The agent as its owner sees it.
    #[track_caller]
    pub fn shown(&self, agent: &AgentId) -> Value {
        self.owner().get(&format!("/api/v1/agents/{agent}")).is(200).clone()
    }

    /// The same, once signer and chain have followed and it is in `status`.
    #[track_caller]
    pub fn until_settled(&self, agent: &AgentId, status: &str) -> Value {
        let settled =
            |shown: &Value| shown["status"] == status && shown["stage"].is_null() && shown["chainSync"] == "synced";
        until(
            &format!("`{agent}` is {status} here, in the signer and on chain"),
            || Some(self.shown(agent)).filter(settled),
        )
    }

    /// Suspends, and waits until signer and chain have followed.
    pub fn suspend(&self, agent: &Agent) {
        let suspended = self.owner().post(&format!("{}/suspend", agent.path()), &json!({}));
        assert_eq!(suspended.is(200)["status"], "SUSPENDED");
        self.until_settled(&agent.id, "SUSPENDED");
    }

    /// Asks for the end of a suspension with the owner's proof. `None` when the server goes away meanwhile, or does not
    /// say what to sign.
    pub fn ask_to_resume(&self, agent: &AgentId) -> Option<Answer> {
        let path = format!("/api/v1/agents/{agent}");
        let shown = self.owner().try_send(minreq::Method::Get, &path, None, &[])?;
        let asked = &shown.is(200)["resumeApproval"];
        let challenge: Challenge = resume_challenge(agent, asked["suspension"].as_u64()?);
        assert_eq!(asked["challenge"], challenge.to_string());
        let body = json!({"proof": self.approval.approve(&challenge)});
        let path = format!("{path}/resume");
        self.owner().try_send(minreq::Method::Post, &path, Some(&body), &[])
    }

    /// Resumes, and waits until signer and chain have followed.
    pub fn resume(&self, agent: &Agent) {
        self.ask_to_resume(&agent.id).unwrap().is(200);
        self.until_settled(&agent.id, "ACTIVE");
    }

    /// Asks for a payment with the agent's own key. `None` when the server goes away before it answers.
    pub fn try_pay(&self, agent: &Agent, to: &str, lamports: u64, key: &str) -> Option<Answer> {
        let body = json!({"to": to, "amount": lamports.to_string()});
        self.house.api(&agent.key).try_send(
            minreq::Method::Post,
            "/api/v1/transactions",
            Some(&body),
            &[("Idempotency-Key", key)],
        )
    }

    /// Asks for a payment in a token with the agent's own key. `None` when the server goes away before it answers.
    pub fn try_pay_token(&self, agent: &Agent, to: &str, (mint, units): (&str, u64), key: &str) -> Option<Answer> {
        let body = json!({"to": to, "amount": units.to_string(), "mint": mint});
        self.house.api(&agent.key).try_send(
            minreq::Method::Post,
            "/api/v1/transactions",
            Some(&body),
            &[("Idempotency-Key", key)],
        )
    }

    /// Asks for a payment in a token with the agent's own key.
    #[track_caller]
    pub fn pay_token(&self, agent: &Agent, to: &str, token: (&str, u64), key: &str) -> Answer {
        self.try_pay_token(agent, to, token, key).unwrap()
    }

    /// Asks for a payment with the agent's own key.
    #[track_caller]
    pub fn pay(&self, agent: &Agent, to: &str, lamports: u64, key: &str) -> Answer {
        self.try_pay(agent, to, lamports, key).unwrap()
    }

    /// The payment, once it has ended.
    #[track_caller]
    pub fn until_ended(&self, payment: &Value) -> Value {
        let id = payment["id"].as_str().unwrap_or_else(|| panic!("{payment}"));
        until(&format!("`{id}` has ended"), || {
            let payment = self.owner().get(&format!("/api/v1/transactions/{id}")).is(200).clone();
            let open = ["PENDING", "APPROVED", "SUBMITTED"].contains(&payment["status"].as_str().unwrap());
            (!open).then_some(payment)
        })
    }

    /// Pays, and waits until the money has moved.
    #[track_caller]
    pub fn paid(&self, agent: &Agent, to: &str, lamports: u64, key: &str) -> Value {
        let payment = self.until_ended(self.pay(agent, to, lamports, key).is(202));
        assert_eq!(payment["status"], "CONFIRMED", "{payment}");
        payment
    }

    /// Lamports that count against the day's limit, as the API says.
    #[track_caller]
    pub fn used_today(&self, agent: &AgentId) -> u64 {
        self.used_today_of(agent, "SOL")
    }

    /// The same of any asset, in its base units.
    #[track_caller]
    pub fn used_today_of(&self, agent: &AgentId, asset: &str) -> u64 {
        let usage = self.owner().get(&format!("/api/v1/agents/{agent}/policy/usage"));
        let assets = usage.is(200)["assets"].as_array().unwrap();
        let found = assets.iter().find(|one| one["asset"] == asset).unwrap();
        found["day"]["used"].as_str().unwrap().parse().unwrap()
    }
}

/// The id of an agent that was answered.
pub fn id_of(agent: &Value) -> AgentId {
    agent["id"]
        .as_str()
        .unwrap_or_else(|| panic!("{agent}"))
        .parse()
        .unwrap()
}
