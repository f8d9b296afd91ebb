-- What a person's consent becomes: a code, good once and for a minute, and then refresh tokens, each exchanged for the
-- next. Both are known by their SHA-256; their texts are nowhere.

CREATE TABLE oauth_codes (
    hash BYTEA PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES oauth_grants (id),
    client_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    redirect_uri_sent BIGINT NOT NULL,
    challenge BYTEA NOT NULL,
    resource TEXT NOT NULL,
    scopes TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX oauth_codes_by_time ON oauth_codes (issued_at);

CREATE TABLE oauth_refresh_tokens (
    hash BYTEA PRIMARY KEY,
    grant_id TEXT NOT NULL REFERENCES oauth_grants (id),
    issued_at BIGINT NOT NULL,
    -- When its successor was made.
    spent_at BIGINT
);
CREATE INDEX oauth_refresh_tokens_by_grant ON oauth_refresh_tokens (grant_id);
CREATE INDEX oauth_refresh_tokens_by_time ON oauth_refresh_tokens (issued_at);

CREATE INDEX oauth_grants_by_owner ON oauth_grants (owner_id, project_id, created_at, id);
