-- What the authorization server keeps. A token is good while its row of `oauth_grants` is live and its own id is not in
-- `oauth_revoked_tokens`; tokens themselves are nowhere, and neither are the secrets of clients.

CREATE TABLE signing_keys (
    generation BIGINT PRIMARY KEY,
    kid TEXT NOT NULL UNIQUE,
    -- Nonce and seed, sealed for this `kid` with a key that is not in the database.
    sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    signs_from BIGINT NOT NULL,
    retired_at BIGINT
);

CREATE TABLE oauth_clients (
    id TEXT PRIMARY KEY,
    -- NULL when nobody of ours registered it.
    project_id TEXT REFERENCES projects (id),
    owner_id TEXT REFERENCES owners (id),
    agent_id TEXT,
    -- agent, service, dynamic or document
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    auth_method TEXT NOT NULL,
    grants TEXT NOT NULL,
    redirect_uris TEXT NOT NULL,
    scopes TEXT NOT NULL,
    secret_hash BYTEA,
    jwks TEXT,
    jwks_uri TEXT,
    -- The grant of its `client_credentials` tokens; a new one after each stop.
    self_grant TEXT,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    used_at BIGINT,
    -- While its agent is suspended.
    stopped_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX oauth_clients_by_owner ON oauth_clients (owner_id, project_id, created_at, id);
CREATE INDEX oauth_clients_by_agent ON oauth_clients (agent_id);

CREATE TABLE oauth_grants (
    id TEXT PRIMARY KEY,
    client_id TEXT NOT NULL REFERENCES oauth_clients (id),
    -- client, when it acts for itself, or person
    kind TEXT NOT NULL,
    project_id TEXT NOT NULL REFERENCES projects (id),
    owner_id TEXT NOT NULL REFERENCES owners (id),
    user_id TEXT,
    agent_id TEXT,
    role TEXT NOT NULL,
    -- NULL for any that the client may ask for.
    resource TEXT,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoked_why TEXT
);
CREATE INDEX oauth_grants_by_client ON oauth_grants (client_id) WHERE revoked_at IS NULL;
CREATE INDEX oauth_grants_by_user ON oauth_grants (user_id) WHERE revoked_at IS NULL;
CREATE INDEX oauth_grants_by_agent ON oauth_grants (agent_id) WHERE revoked_at IS NULL;

CREATE TABLE oauth_revoked_tokens (
    jti TEXT PRIMARY KEY,
    -- When it is over anyway, and this row can go.
    expires_at BIGINT NOT NULL
);
