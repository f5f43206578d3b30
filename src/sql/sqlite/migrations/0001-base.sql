-- What every database of the platform has, whichever room keeps its tables in it.

-- Which numbered files have been applied.
CREATE TABLE migrations (
  room       TEXT NOT NULL,
  number     INTEGER NOT NULL,
  name       TEXT NOT NULL,
  applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
  PRIMARY KEY (room, number)
) STRICT, WITHOUT ROWID;

-- One row. `creation_id` and `commits` also stand in the marker file beside the database: a file that was swapped, emptied,
-- or lost its newest commits no longer agrees with it.
CREATE TABLE identity (
  only        INTEGER PRIMARY KEY CHECK (only = 1),
  creation_id TEXT NOT NULL,
  commits     INTEGER NOT NULL
) STRICT;

-- Texts that occur in very many rows (names, ids of functions), kept once. Rows are never deleted: a ref is for ever.
CREATE TABLE names (
  ref  INTEGER PRIMARY KEY,
  text TEXT NOT NULL UNIQUE
) STRICT;
