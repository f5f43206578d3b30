-- What asynchronous calls answered, written together with their record. `bytes` is the length of the whole answer, of which
-- `body` is the beginning.

CREATE TABLE results (
  seq          INTEGER PRIMARY KEY,
  activation   BLOB NOT NULL UNIQUE,
  namespace    TEXT NOT NULL,
  status       INTEGER NOT NULL,
  content_type TEXT,
  bytes        INTEGER NOT NULL,
  body         BLOB NOT NULL
) STRICT;
