//! The wallet for models: nine tools and four resources. Agents use, owners manage; what is not here (making agents,
//! policies, keys) stays with HTTP.
//!
//! What must stay true: a tool does what the HTTP operation of the same act does, by the same function, with the same
//! scope; so it can do no more.

mod arguments;
mod pay;
mod resources;
mod tools;
mod words;

use {
    crate::Wallet,
    portreeve_guard::mcp::{About, Changes, Effect, Offer, Place},
};

const INSTRUCTIONS: &str = "\
Pays from a Solana wallet within limits that its owner has set. Amounts are decimal strings in base units: 1 SOL is \
\"1000000000\" lamports. Before a large payment call get_policy_usage to see what is left. execute_transaction waits until the \
payment is final; when it says that it is not yet, call get_transaction instead of paying again. Give each payment an \
idempotency_key of your own and send the same one when you retry: it never pays twice. A refusal says what would pass \
(maxAmountNow) and when (passesAt); what the policy does not allow only the owner can change.";

/// What is offered to models.
#[must_use]
pub fn offer(wallet: Wallet) -> Offer<Wallet> {
    let offer = Offer::new("portreeve-wallet", "Portreeve wallet", INSTRUCTIONS, wallet);
    let offer = offer
        .tool(EXECUTE_TRANSACTION, pay::execute)
        .tool(GET_BALANCE, tools::balance)
        .tool(GET_TRANSACTION, tools::transaction)
        .tool(LIST_TRANSACTIONS, tools::transactions)
        .tool(GET_POLICY, tools::policy)
        .tool(GET_POLICY_USAGE, tools::usage)
        .tool(GET_AGENT_STATUS, tools::status)
        .tool(SUSPEND_AGENT, tools::suspend)
        .tool(RESUME_AGENT, tools::resume);
    offer
        .advising(words::advice)
        .counted_by(|wallet| wallet.database().generation())
        .resource(BALANCE, resources::balance)
        .resource(POLICY, resources::policy)
        .resource(STATUS, resources::status)
        .resource(RECENT, resources::recent)
}

const EXECUTE_TRANSACTION: About = About {
    name: "execute_transaction",
    title: "Pay",
    about: "Pay SOL or a token to a wallet address, within the owner's policy. Money that was sent cannot be taken back. Waits \
            until the payment is final on chain, or for wait_seconds; then it is carried on, and get_transaction shows how it \
            ends. Send the same idempotency_key when you retry: the same key never pays twice.",
    effect: Effect::Acts,
};

const GET_BALANCE: About = About {
    name: "get_balance",
    title: "Balance",
    about: "What the wallet holds now, read from the chain: SOL in lamports, and every token that the policy gives limits. What \
            may be spent is another question: see get_policy_usage.",
    effect: Effect::Looks,
};

const GET_TRANSACTION: About = About {
    name: "get_transaction",
    title: "One payment",
    about: "Where a payment is: status CONFIRMED is final; PENDING, APPROVED and SUBMITTED are on their way; AWAITING_APPROVAL \
            waits for the owner; FAILED, REJECTED and EXPIRED were not paid, and `failure` says why.",
    effect: Effect::Looks,
};

const LIST_TRANSACTIONS: About = About {
    name: "list_transactions",
    title: "Payments",
    about: "The payments, newest first, 10 at a time. Ask for the next page with the `cursor` of the answer.",
    effect: Effect::Looks,
};

const GET_POLICY: About = About {
    name: "get_policy",
    title: "Policy",
    about: "What the owner allows: limits per payment, day, week and month, who may be paid, and when.",
    effect: Effect::Looks,
};

const GET_POLICY_USAGE: About = About {
    name: "get_policy_usage",
    title: "What is left",
    about: "How much of each limit is used and how much remains now, per asset, and when the next part of it is free again. Ask \
            it before a large payment.",
    effect: Effect::Looks,
};

const GET_AGENT_STATUS: About = About {
    name: "get_agent_status",
    title: "Agent",
    about: "The agent and its wallet's address. Only an ACTIVE agent pays; the address to fund is vaultAddress.",
    effect: Effect::Looks,
};

const SUSPEND_AGENT: About = About {
    name: "suspend_agent",
    title: "Suspend an agent",
    about: "Stop an agent at once: it pays nothing more until the owner resumes it. For the owner.",
    effect: Effect::Stops,
};

const RESUME_AGENT: About = About {
    name: "resume_agent",
    title: "Resume an agent",
    about: "Say what it takes to let a suspended agent pay again. Only the owner's approval key can do it, and that is not here: \
            the answer says what the owner has to run.",
    effect: Effect::Looks,
};

const BALANCE: Place = Place {
    own: "wallet://balance",
    template: "wallet://{agentId}/balance",
    name: "balance",
    title: "Balance",
    about: "What the wallet holds now.",
    changes: Changes::Elsewhere,
    passing: &["slot"],
};

const POLICY: Place = Place {
    own: "wallet://policy",
    template: "wallet://{agentId}/policy",
    name: "policy",
    title: "Policy",
    about: "What the owner allows.",
    changes: Changes::Here,
    passing: &[],
};

const STATUS: Place = Place {
    own: "wallet://status",
    template: "wallet://{agentId}/status",
    name: "status",
    title: "Agent",
    about: "The agent and its wallet's address.",
    changes: Changes::Here,
    passing: &[],
};

const RECENT: Place = Place {
    own: "wallet://transactions/recent",
    template: "wallet://{agentId}/transactions/recent",
    name: "recent-transactions",
    title: "Recent payments",
    about: "The ten newest payments.",
    changes: Changes::Here,
    passing: &[],
};
