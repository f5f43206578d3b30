-- What asynchronous calls answered, written together with their record. `bytes` is the length of the whole answer, of which
-- `body` is the beginning.

CREATE TABLE results (
  seq          INTEGER PRIMARY KEY,
  activation   BLOB NOT NULL UNIQUE,
  namespace    TEXT NOT NULL,
  status       INTEGER NOT NULL,
  content_type TEXT,
  bytes        INTEGER NOT NULL,
  -- Of an event, what became of the rules of its trigger, as JSON; before the body, which may be long.
  rules        TEXT,
  body         BLOB NOT NULL
) STRICT;
