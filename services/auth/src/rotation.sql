-- A key that was rotated is good until `ends_at`, beside its successor, and no longer than it would have been anyway.

ALTER TABLE api_keys ADD COLUMN ends_at BIGINT;
ALTER TABLE api_keys ADD COLUMN successor_id TEXT;
