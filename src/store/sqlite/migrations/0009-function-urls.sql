-- Whose function answers at which URL. What else there is to say of one is in the function's notes.
CREATE TABLE function_urls (
  id          TEXT NOT NULL PRIMARY KEY,
  namespace   TEXT NOT NULL,
  function_id TEXT NOT NULL,
  FOREIGN KEY (namespace, function_id) REFERENCES functions (namespace, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX function_urls_by_function ON function_urls (namespace, function_id);
