-- What a call answered is in the row of its record: a row of its own, with an index of its own, cost as much as the record again.
-- `result_status` 0: nothing is kept. `result_bytes` is the length of the whole answer, of which `result` is the beginning.
ALTER TABLE activations ADD COLUMN result_status INTEGER NOT NULL DEFAULT 0;
ALTER TABLE activations ADD COLUMN result_type TEXT;
ALTER TABLE activations ADD COLUMN result_bytes INTEGER NOT NULL DEFAULT 0;
-- Of an event, what became of the rules of its trigger, as JSON; before the result, which may be long.
ALTER TABLE activations ADD COLUMN rules TEXT;
ALTER TABLE activations ADD COLUMN result BLOB;

UPDATE activations
SET (result_status, result_type, result_bytes, rules, result) = (
  SELECT r.status, r.content_type, r.bytes, r.rules, r.body FROM results AS r WHERE r.activation = activations.id
)
WHERE id IN (SELECT activation FROM results);

DROP TABLE results;
