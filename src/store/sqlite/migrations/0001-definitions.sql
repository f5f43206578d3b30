-- Namespaces and what is defined in them. Names compare by their bytes (BINARY is the default collation). A namespace is
-- part of every key: an id of another tenant is simply not there. Columns ending in _json hold JSON text; times are
-- milliseconds since 1970.

CREATE TABLE namespaces (
  name       TEXT NOT NULL PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  -- What it was given instead of the platform's own limits; NULL: nothing.
  limits_json TEXT,
  -- What functions connect to that leave it to the namespace; NULL: as where nothing is said.
  egress_json TEXT
) STRICT, WITHOUT ROWID;

-- Few have any.
CREATE INDEX namespaces_limited ON namespaces (name) WHERE limits_json IS NOT NULL;
CREATE INDEX namespaces_with_egress ON namespaces (name) WHERE egress_json IS NOT NULL;

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
  parameters_json  TEXT,
  published        INTEGER NOT NULL CHECK (published IN (0, 1)),
  binding_json     TEXT,
  revision         INTEGER NOT NULL,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  PRIMARY KEY (namespace, id),
  UNIQUE (namespace, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX apps_by_change ON apps (namespace, updated_at, id);

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
  log_bytes_max    INTEGER,
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

CREATE INDEX triggers_by_change ON triggers (namespace, updated_at, id);

-- A rule outlives its trigger and its function: it names one by an id that nothing gets again, the other by its path.
CREATE TABLE rules (
  namespace        TEXT NOT NULL REFERENCES namespaces (name),
  id               TEXT NOT NULL,
  name             TEXT NOT NULL,
  trigger_id       TEXT NOT NULL,
  trigger_name     TEXT NOT NULL,
  target_json      TEXT NOT NULL,
  active           INTEGER NOT NULL CHECK (active IN (0, 1)),
  annotations_json TEXT NOT NULL,
  revision         INTEGER NOT NULL,
  created_at       INTEGER NOT NULL,
  updated_at       INTEGER NOT NULL,
  PRIMARY KEY (namespace, id),
  UNIQUE (namespace, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX rules_by_trigger ON rules (namespace, trigger_id, id);
CREATE INDEX rules_by_change ON rules (namespace, updated_at, id);

-- next_at NULL: it is over.
CREATE TABLE schedules (
  namespace     TEXT NOT NULL,
  trigger_id    TEXT NOT NULL,
  trigger_name  TEXT NOT NULL,
  id            TEXT NOT NULL,
  next_at       INTEGER,
  schedule_json TEXT NOT NULL,
  PRIMARY KEY (namespace, trigger_id),
  UNIQUE (namespace, trigger_name),
  FOREIGN KEY (namespace, trigger_id) REFERENCES triggers (namespace, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX schedules_by_next ON schedules (next_at) WHERE next_at IS NOT NULL;

-- The document is an OpenAPI description, of up to a megabyte.
CREATE TABLE apis (
  namespace  TEXT NOT NULL REFERENCES namespaces (name),
  id         TEXT NOT NULL,
  name       TEXT NOT NULL,
  title      TEXT NOT NULL,
  document   TEXT NOT NULL,
  revision   INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (namespace, id),
  UNIQUE (namespace, name)
) STRICT;

CREATE INDEX apis_by_change ON apis (namespace, updated_at, id);
CREATE INDEX apis_by_title ON apis (namespace, title);
