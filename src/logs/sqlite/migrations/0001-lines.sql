-- What functions print. One row holds lines of one activation that were written together, at most 256, as a JSON array of
-- [milliseconds since 1970, stream, text]; rows in order of `seq` are the whole output. `seq` is given by us: at least eight times
-- the time of the newest line in the row, so that a time leads to a place without an index. Namespace, app, function and its name
-- are refs into `names`. `bytes`: what the row costs, about.

CREATE TABLE log_lines (
  seq           INTEGER PRIMARY KEY,
  activation    TEXT NOT NULL,
  namespace     INTEGER NOT NULL,
  app           INTEGER,
  function      INTEGER NOT NULL,
  function_name INTEGER NOT NULL,
  bytes         INTEGER NOT NULL,
  lines_json    TEXT NOT NULL
) STRICT;

CREATE INDEX log_lines_by_activation ON log_lines (activation);
CREATE INDEX log_lines_by_namespace ON log_lines (namespace);
CREATE INDEX log_lines_by_function ON log_lines (namespace, function);

-- The sum of log_lines.bytes, changed together with it: adding up millions of rows would take minutes.
CREATE TABLE log_size (
  only  INTEGER PRIMARY KEY CHECK (only = 1),
  bytes INTEGER NOT NULL
) STRICT;

INSERT INTO log_size (only, bytes) VALUES (1, 0);
