-- Times are milliseconds since 1970, amounts base units, ids and JSON text. Both databases read this text.

CREATE TABLE projects (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    cluster TEXT NOT NULL,
    environment TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE owners (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX owners_by_project ON owners (project_id);

-- `lock_rank` and then `id` is the order in which accounts are locked: owners, agents, signer.
CREATE TABLE ledger_accounts (
    id TEXT PRIMARY KEY,
    lock_rank BIGINT NOT NULL,
    owner_id TEXT,
    agent_id TEXT,
    asset TEXT NOT NULL,
    settled_total BIGINT NOT NULL CHECK (settled_total >= 0),
    pending BIGINT NOT NULL CHECK (pending >= 0),
    last_settled_at BIGINT,
    next_seq BIGINT NOT NULL CHECK (next_seq >= 0)
);
CREATE INDEX ledger_accounts_by_agent ON ledger_accounts (agent_id);
CREATE INDEX ledger_accounts_by_owner ON ledger_accounts (owner_id);

CREATE TABLE ledger_entries (
    account TEXT NOT NULL REFERENCES ledger_accounts (id),
    seq BIGINT NOT NULL,
    reservation TEXT NOT NULL,
    settled_at BIGINT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount > 0),
    running_total BIGINT NOT NULL CHECK (running_total >= amount),
    PRIMARY KEY (account, seq)
);
CREATE INDEX ledger_entries_by_time ON ledger_entries (account, settled_at, seq, running_total);
CREATE INDEX ledger_entries_by_total ON ledger_entries (account, running_total, settled_at);

CREATE TABLE reservations (
    id TEXT PRIMARY KEY,
    amount BIGINT NOT NULL CHECK (amount > 0),
    reserved_at BIGINT NOT NULL
);

-- Each account of a reservation has a state of its own: the signer's ends at signing, the others with the chain.
CREATE TABLE reservation_accounts (
    reservation TEXT NOT NULL REFERENCES reservations (id),
    account TEXT NOT NULL REFERENCES ledger_accounts (id),
    state TEXT NOT NULL,
    proof TEXT,
    PRIMARY KEY (reservation, account)
);

CREATE TABLE audit_log (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    owner_id TEXT,
    project_id TEXT,
    subject TEXT NOT NULL,
    data TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_log_by_owner ON audit_log (owner_id, seq);

-- The one row every writing transaction with an entry locks last.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY CHECK (id = 0),
    size BIGINT NOT NULL,
    at BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (id, size, at, hash)
VALUES (0, 0, 0, '0000000000000000000000000000000000000000000000000000000000000000');

CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    project_id TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    agent_id TEXT,
    subject TEXT NOT NULL,
    data TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    delivered_at BIGINT
);
CREATE INDEX outbox_waiting ON outbox (created_at) WHERE delivered_at IS NULL;
