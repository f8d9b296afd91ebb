//! The wallet's tables. Money is BIGINT base units, time BIGINT milliseconds, ids and JSON are TEXT.

use portreeve_store::{Migration, Schema};

/// The wallet's tables, for [`portreeve_store::Database::open`].
pub const SCHEMA: Schema = Schema {
    name: "wallet",
    migrations: &[
        Migration {
            id: 1,
            name: "agents, policies, payments",
            sql: CREATE,
        },
        Migration {
            id: 2,
            name: "payments in tokens",
            sql: TOKENS,
        },
    ],
};

const TOKENS: &str = "
ALTER TABLE transactions ADD COLUMN token_program TEXT;
ALTER TABLE transactions ADD COLUMN decimals BIGINT;
ALTER TABLE transactions ADD COLUMN opens_account BIGINT NOT NULL DEFAULT 0;
CREATE INDEX transactions_that_open ON transactions (agent_id, created_at) WHERE opens_account = 1;
";

const CREATE: &str = "
CREATE TABLE agents (
    id                TEXT PRIMARY KEY,
    project_id        TEXT NOT NULL REFERENCES projects(id),
    owner_id          TEXT NOT NULL REFERENCES owners(id),
    nickname          TEXT NOT NULL,
    tags              TEXT NOT NULL,
    status            TEXT NOT NULL,
    stage             TEXT,
    status_reason     TEXT,
    status_changed_at BIGINT NOT NULL,
    suspensions       BIGINT NOT NULL DEFAULT 0,
    public_key        TEXT,
    multisig          TEXT,
    vault             TEXT,
    policy_version    BIGINT NOT NULL,
    last_spend_at     BIGINT,
    chain_sync        TEXT NOT NULL,
    last_synced_at    BIGINT,
    key_destroyed     BIGINT NOT NULL,
    resume_proof      TEXT,
    limits_until      BIGINT,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL
);
CREATE INDEX agents_of_owner ON agents (owner_id, id);

CREATE TABLE policies (
    agent_id    TEXT NOT NULL REFERENCES agents(id),
    version     BIGINT NOT NULL,
    body        TEXT NOT NULL,
    created_by  TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    approved_at BIGINT,
    proof       TEXT,
    PRIMARY KEY (agent_id, version)
);

CREATE TABLE signer_receipts (
    signer   TEXT PRIMARY KEY,
    sequence BIGINT NOT NULL,
    receipt  TEXT NOT NULL
);

CREATE TABLE transactions (
    id                TEXT PRIMARY KEY,
    project_id        TEXT NOT NULL,
    owner_id          TEXT NOT NULL,
    agent_id          TEXT NOT NULL REFERENCES agents(id),
    idempotency_key   TEXT NOT NULL,
    body_hash         TEXT NOT NULL,
    requested_by      TEXT NOT NULL,
    asset             TEXT NOT NULL,
    amount            BIGINT NOT NULL,
    destination       TEXT NOT NULL,
    memo              TEXT,
    stage             TEXT NOT NULL,
    code              TEXT,
    detail            TEXT,
    decision          TEXT NOT NULL,
    suspensions       BIGINT NOT NULL,
    message           BYTEA,
    last_valid_height BIGINT,
    wire              BYTEA,
    signature         TEXT,
    slot              BIGINT,
    created_at        BIGINT NOT NULL,
    updated_at        BIGINT NOT NULL,
    confirmed_at      BIGINT,
    UNIQUE (agent_id, idempotency_key)
);
CREATE INDEX transactions_of_agent ON transactions (agent_id, id);
CREATE INDEX transactions_in_flight ON transactions (stage, agent_id) WHERE stage IN ('RESERVED', 'SIGNING', 'SUBMITTED');
";
