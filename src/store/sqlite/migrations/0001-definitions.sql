-- Namespaces and what is defined in them. Names compare by their bytes (BINARY is the default collation). A namespace is
-- part of every key: an id of another tenant is simply not there. Columns ending in _json hold JSON text; times are
-- milliseconds since 1970.

CREATE TABLE namespaces (
  name       TEXT NOT NULL PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
  id          TEXT NOT NULL PRIMARY KEY,
  namespace   TEXT NOT NULL REFERENCES namespaces (name),
  secret_hash TEXT NOT NULL,
  created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX keys_by_namespace ON keys (namespace, id);

CREATE TABLE apps (
  namespace        TEXT NOT NULL REFERENCES namespaces (name),
  id               TEXT NOT NULL,
  name             TEXT NOT NULL,
  config_json      TEXT NOT NULL,
  annotations_json TEXT NOT NULL,
  syslog_url       TEXT,
  shape            TEXT NOT NULL,
  revision         INTEGER NOT NULL,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  PRIMARY KEY (namespace, id),
  UNIQUE (namespace, name)
) STRICT, WITHOUT ROWID;

-- app_id NULL: in the null app.
CREATE TABLE functions (
  namespace        TEXT NOT NULL REFERENCES namespaces (name),
  id               TEXT NOT NULL,
  app_id           TEXT,
  name             TEXT NOT NULL,
  source_json      TEXT NOT NULL,
  protocol         TEXT NOT NULL,
  memory_mib       INTEGER NOT NULL,
  timeout_ms       INTEGER NOT NULL,
  idle_timeout_ms  INTEGER NOT NULL,
  concurrency      INTEGER NOT NULL,
  sandboxes_max    INTEGER NOT NULL,
  isolation        TEXT NOT NULL,
  sandbox_age_ms_max INTEGER NOT NULL,
  egress_json      TEXT NOT NULL,
  delivery_json    TEXT NOT NULL,
  traffic_json     TEXT NOT NULL,
  config_json      TEXT NOT NULL,
  parameters_json  TEXT NOT NULL,
  annotations_json TEXT NOT NULL,
  shape            TEXT NOT NULL,
  revision         INTEGER NOT NULL,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  PRIMARY KEY (namespace, id),
  UNIQUE (namespace, app_id, name),
  FOREIGN KEY (namespace, app_id) REFERENCES apps (namespace, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- The UNIQUE above lets NULLs pass.
CREATE UNIQUE INDEX functions_of_null_app ON functions (namespace, name) WHERE app_id IS NULL;

CREATE TABLE routes (
  namespace        TEXT NOT NULL,
  id               TEXT NOT NULL,
  app_id           TEXT NOT NULL,
  function_id      TEXT NOT NULL,
  name             TEXT NOT NULL,
  source           TEXT NOT NULL,
  annotations_json TEXT NOT NULL,
  revision         INTEGER NOT NULL,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  PRIMARY KEY (namespace, id),
  UNIQUE (namespace, app_id, source),
  UNIQUE (namespace, function_id, name),
  FOREIGN KEY (namespace, app_id) REFERENCES apps (namespace, id) ON DELETE CASCADE,
  FOREIGN KEY (namespace, function_id) REFERENCES functions (namespace, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX routes_by_name ON routes (namespace, app_id, name, id);

CREATE TABLE triggers (
  namespace        TEXT NOT NULL REFERENCES namespaces (name),
  id               TEXT NOT NULL,
  name             TEXT NOT NULL,
  parameters_json  TEXT NOT NULL,
  annotations_json TEXT NOT NULL,
  revision         INTEGER NOT NULL,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  PRIMARY KEY (namespace, id),
  UNIQUE (namespace, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE rules (
  namespace   TEXT NOT NULL,
  id          TEXT NOT NULL,
  name        TEXT NOT NULL,
  trigger_id  TEXT NOT NULL,
  function_id TEXT NOT NULL,
  active      INTEGER NOT NULL CHECK (active IN (0, 1)),
  revision    INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  PRIMARY KEY (namespace, id),
  UNIQUE (namespace, name),
  FOREIGN KEY (namespace, trigger_id) REFERENCES triggers (namespace, id) ON DELETE CASCADE,
  FOREIGN KEY (namespace, function_id) REFERENCES functions (namespace, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX rules_by_trigger ON rules (namespace, trigger_id);
CREATE INDEX rules_by_function ON rules (namespace, function_id);
