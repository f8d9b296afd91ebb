-- Who takes our tokens: each server under an audience of its own, with the scopes and roles that it brings along. Those that
-- were removed stay as rows, so that the audit log's ids keep a meaning.

CREATE TABLE resource_servers (
    id TEXT PRIMARY KEY,
    -- NULL, as the owner is, for one of ours, which serves everybody.
    project_id TEXT REFERENCES projects (id),
    owner_id TEXT REFERENCES owners (id),
    -- Which one of ours it is, such as `wallet`.
    own TEXT,
    name TEXT NOT NULL,
    -- The audience of its tokens.
    resource TEXT NOT NULL,
    -- The lowest is meant when a request names none.
    position BIGINT NOT NULL,
    -- Who asks for it what a credential is good for.
    client_id TEXT REFERENCES oauth_clients (id),
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    removed_at BIGINT
);
CREATE INDEX resource_servers_by_owner ON resource_servers (owner_id, project_id);
CREATE UNIQUE INDEX resource_servers_by_resource ON resource_servers (resource) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX resource_servers_of_ours ON resource_servers (own) WHERE removed_at IS NULL AND own IS NOT NULL;

CREATE TABLE resource_scopes (
    server_id TEXT NOT NULL REFERENCES resource_servers (id),
    scope TEXT NOT NULL,
    -- What it lets somebody do, for people who are asked to grant it.
    words TEXT NOT NULL,
    -- Whether it is among those that are meant when a request names none.
    is_default BIGINT NOT NULL,
    PRIMARY KEY (server_id, scope)
);

CREATE TABLE resource_roles (
    server_id TEXT NOT NULL REFERENCES resource_servers (id),
    role TEXT NOT NULL,
    scopes TEXT NOT NULL,
    -- Whether somebody in it passes the scope checks of this server.
    bypass BIGINT NOT NULL,
    PRIMARY KEY (server_id, role)
);

-- 1 when a person clicked for a program that its own people made known, in the browser that goes back to it: the only
-- grants whose tokens may pass the scope checks of a server.
ALTER TABLE oauth_grants ADD COLUMN interactive BIGINT;
CREATE INDEX oauth_grants_by_resource ON oauth_grants (resource) WHERE revoked_at IS NULL;
