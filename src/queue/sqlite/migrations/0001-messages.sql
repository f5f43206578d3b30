-- Messages that wait or are on lease. A lease itself is kept by the process that gave it: only one has the file, and when it
-- is gone, so are its leases. `*_at` are milliseconds since 1970.

CREATE TABLE queue_messages (
  seq           INTEGER PRIMARY KEY,
  id            TEXT NOT NULL UNIQUE,
  namespace     TEXT NOT NULL,
  lane          TEXT NOT NULL,
  leased        INTEGER NOT NULL DEFAULT 0 CHECK (leased IN (0, 1)),
  suspect       INTEGER NOT NULL DEFAULT 0 CHECK (suspect IN (0, 1)),
  cancelled     INTEGER NOT NULL DEFAULT 0 CHECK (cancelled IN (0, 1)),
  due_at        INTEGER NOT NULL,
  sent_at       INTEGER NOT NULL,
  expires_at    INTEGER NOT NULL,
  age_ms_max    INTEGER NOT NULL,
  lease         INTEGER NOT NULL DEFAULT 0,
  attempt       INTEGER NOT NULL DEFAULT 0,
  head          TEXT NOT NULL,
  body          BLOB,            -- NULL: in queue_bodies
  body_bytes    INTEGER NOT NULL,
  checksum      INTEGER NOT NULL, -- CRC-32 of the head's bytes, then the body
  failures_json TEXT NOT NULL DEFAULT '[]'
) STRICT;

CREATE INDEX queue_ready ON queue_messages (namespace, lane, suspect, due_at, seq) WHERE leased = 0;
CREATE INDEX queue_leased ON queue_messages (seq) WHERE leased = 1;

-- Bodies too large to be read along with their message; of waiting messages and of dead letters.
CREATE TABLE queue_bodies (
  id   TEXT PRIMARY KEY,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE queue_dead (
  seq           INTEGER PRIMARY KEY,
  id            TEXT NOT NULL UNIQUE,
  namespace     TEXT NOT NULL,
  lane          TEXT NOT NULL,
  sent_at       INTEGER NOT NULL,
  died_at       INTEGER NOT NULL,
  age_ms_max    INTEGER NOT NULL,
  attempt       INTEGER NOT NULL,
  head          TEXT NOT NULL,
  body          BLOB,
  body_bytes    INTEGER NOT NULL,
  checksum      INTEGER NOT NULL,
  failures_json TEXT NOT NULL
) STRICT;

CREATE INDEX queue_dead_by_lane ON queue_dead (namespace, lane, seq);
CREATE INDEX queue_dead_by_namespace ON queue_dead (namespace, seq);
