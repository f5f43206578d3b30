-- What was deployed before: whole functions as JSON, without their traffic. The newest few of each function are kept, and those
-- that still get a share of its calls.

CREATE TABLE revisions (
  namespace   TEXT NOT NULL,
  function_id TEXT NOT NULL,
  revision    INTEGER NOT NULL,
  fn_json     TEXT NOT NULL,
  PRIMARY KEY (namespace, function_id, revision),
  FOREIGN KEY (namespace, function_id) REFERENCES functions (namespace, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
