-- Clients that anybody registered and nobody has let in yet: they are counted, and gone after a day.

CREATE INDEX oauth_clients_unused ON oauth_clients (created_at) WHERE kind = 'dynamic' AND used_at IS NULL;
