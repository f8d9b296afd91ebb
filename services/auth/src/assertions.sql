-- Assertions by which clients proved themselves (RFC 7523): each is good once. By SHA-256 of client and `jti`, because a
-- `jti` is somebody else's text.

CREATE TABLE oauth_assertions (
    name BYTEA PRIMARY KEY,
    -- When it is over anyway, and this row can go.
    expires_at BIGINT NOT NULL
);
CREATE INDEX oauth_assertions_by_end ON oauth_assertions (expires_at);
