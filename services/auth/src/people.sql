-- Who signs in, and with what. Links, sessions and ceremonies are known by the SHA-256 of their secret; the secrets are
-- nowhere. People who are removed stay as rows, so that the audit log's ids keep a meaning.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    owner_id TEXT NOT NULL REFERENCES owners (id),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    removed_at BIGINT
);
CREATE INDEX users_by_owner ON users (owner_id, project_id, id);

-- What lets somebody make a passkey, once.
CREATE TABLE user_links (
    hash BYTEA PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- Used, replaced by another, or its user was removed.
    ended_at BIGINT
);
CREATE INDEX user_links_by_user ON user_links (user_id) WHERE ended_at IS NULL;

CREATE TABLE passkeys (
    -- The credential's id in base64url.
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    -- Public key, counter and flags, as the WebAuthn library keeps them.
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT,
    removed_at BIGINT
);
CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- Ceremonies that somebody has signed in with, until they would be over anyway: each is good once.
CREATE TABLE spent_ceremonies (
    hash BYTEA PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX spent_ceremonies_by_end ON spent_ceremonies (expires_at);

CREATE TABLE sessions (
    hash BYTEA PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- When it was last used, at most a minute behind.
    seen_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX sessions_by_user ON sessions (user_id);
