-- Which built-in scopes and roles stand with one of ours: a program writes over no higher one than its own. 0 for what was
-- written before they were counted, and for those of others.

ALTER TABLE resource_servers ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;
