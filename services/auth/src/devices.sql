-- Programs without a browser that wait until a person has decided (RFC 8628). The program's code is known by its SHA-256,
-- the one that people type, which is short, by a hash that takes a key.

CREATE TABLE oauth_devices (
    hash BYTEA PRIMARY KEY,
    user_hash BYTEA NOT NULL UNIQUE,
    client_id TEXT NOT NULL REFERENCES oauth_clients (id),
    resource TEXT NOT NULL,
    scopes TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    -- How long the program has to wait between two questions by now, in seconds.
    interval_s BIGINT NOT NULL,
    polled_at BIGINT,
    -- waiting, approved, denied or used
    state TEXT NOT NULL,
    grant_id TEXT REFERENCES oauth_grants (id)
);
CREATE INDEX oauth_devices_by_time ON oauth_devices (issued_at);
