-- What functions print. One row holds the lines of one activation that were written together, as a JSON array of
-- [milliseconds since 1970, stream, text]; rows in order of `seq` are the whole output. Namespace and function are refs into
-- `names`.

CREATE TABLE log_lines (
  seq        INTEGER PRIMARY KEY,
  activation TEXT NOT NULL,
  namespace  INTEGER NOT NULL,
  function   INTEGER NOT NULL,
  lines_json TEXT NOT NULL
) STRICT;

CREATE INDEX log_lines_by_activation ON log_lines (activation);
