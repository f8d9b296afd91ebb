-- How much a key may ask in a minute, and in which hours of the day it is good (JSON; `null`: in all of them).

ALTER TABLE api_keys ADD COLUMN tier TEXT NOT NULL DEFAULT 'default';
ALTER TABLE api_keys ADD COLUMN allowed_hours TEXT NOT NULL DEFAULT 'null';
