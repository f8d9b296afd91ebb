-- The key itself is nowhere: `hash` is the SHA-256 of its text. Rows are never deleted, so that the audit log's ids keep
-- a meaning.

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    owner_id TEXT NOT NULL REFERENCES owners (id),
    agent_id TEXT,
    environment TEXT NOT NULL,
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    hash BYTEA NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    allowed_ips TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX api_keys_by_owner ON api_keys (owner_id, project_id, created_at, id);
CREATE INDEX api_keys_by_agent ON api_keys (agent_id);

-- Apart from the keys, so that noting a use rewrites nothing that matters.
CREATE TABLE api_key_uses (
    key_id TEXT PRIMARY KEY REFERENCES api_keys (id),
    last_used_at BIGINT NOT NULL
);
