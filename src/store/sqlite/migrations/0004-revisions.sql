-- What was deployed before: whole functions as JSON, without their traffic. The newest few of each function are kept, and those
-- that still get a share of its calls or have a version of their own.

CREATE TABLE revisions (
  namespace   TEXT NOT NULL,
  function_id TEXT NOT NULL,
  revision    INTEGER NOT NULL,
  fn_json     TEXT NOT NULL,
  PRIMARY KEY (namespace, function_id, revision),
  FOREIGN KEY (namespace, function_id) REFERENCES functions (namespace, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- What is said about a function beside what it runs as: tags, versions, aliases.
CREATE TABLE notes (
  namespace   TEXT NOT NULL,
  function_id TEXT NOT NULL,
  revision    INTEGER NOT NULL,
  provisioned INTEGER NOT NULL CHECK (provisioned IN (0, 1)),
  notes_json  TEXT NOT NULL,
  PRIMARY KEY (namespace, function_id),
  FOREIGN KEY (namespace, function_id) REFERENCES functions (namespace, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX notes_provisioned ON notes (function_id) WHERE provisioned = 1;
