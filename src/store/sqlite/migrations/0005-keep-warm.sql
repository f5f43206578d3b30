-- Sandboxes that functions keep ready, and how long they keep the others.
ALTER TABLE functions ADD COLUMN provisioned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE functions ADD COLUMN keep_alive TEXT NOT NULL DEFAULT 'fixed';

-- At start those that keep some are found without reading the others.
CREATE INDEX functions_provisioned ON functions (id) WHERE provisioned > 0;

UPDATE revisions SET fn_json = json_set(fn_json, '$.provisioned', 0, '$.keepAlive', 'fixed');
