-- One row per call, hundreds of millions of them: rows are appended in order of `seq`, and what repeats (namespace, app,
-- function, route) is a ref into `names`. To read them as text, ask the view below. An id is its 128 bits: `hex(id)` shows it, and
-- `id = x'…'` finds it.

CREATE TABLE activations (
  seq            INTEGER PRIMARY KEY,
  id             BLOB NOT NULL,
  namespace      INTEGER NOT NULL,
  function       INTEGER NOT NULL,
  function_name  INTEGER NOT NULL,
  app            INTEGER,
  route          INTEGER,
  revision       INTEGER NOT NULL,
  status         TEXT NOT NULL,
  start          TEXT NOT NULL,
  attempt        INTEGER NOT NULL,
  error_code     TEXT,
  error_message  TEXT,
  started_at     INTEGER NOT NULL,
  ended_at       INTEGER NOT NULL,
  wait_ms        REAL NOT NULL,
  create_ms      REAL NOT NULL,
  init_ms        REAL NOT NULL,
  run_ms         REAL NOT NULL,
  request_bytes  INTEGER NOT NULL,
  response_bytes INTEGER NOT NULL,
  billed_units   INTEGER NOT NULL,
  trace_id       TEXT,
  -- Of a call that another one made, and of one that consists of others; 0: code ran.
  cause          TEXT,
  -- Of a function of another namespace that is shared, and of one that was called through a binding; of a trigger that was fired.
  provider       INTEGER,
  binding        INTEGER,
  activated      TEXT,
  steps_memory_mib INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The first record of an id wins.
CREATE UNIQUE INDEX activations_by_id ON activations (id);

-- Newest first, of a namespace or of one function; `seq` is the last column of every index and breaks ties.
CREATE INDEX activations_by_namespace ON activations (namespace, started_at);
CREATE INDEX activations_by_function ON activations (namespace, function, started_at);

-- What went wrong is rare and is what people look for.
CREATE INDEX activations_failed ON activations (namespace, status, started_at) WHERE status <> 'success';

CREATE VIEW activation_records AS
SELECT
  a.seq, a.id, n.text AS namespace, p.text AS app_id, f.text AS function_id, m.text AS function_name, r.text AS route_id,
  a.revision, a.status, a.start, a.attempt, a.error_code, a.error_message, a.started_at, a.ended_at,
  a.wait_ms, a.create_ms, a.init_ms, a.run_ms, a.request_bytes, a.response_bytes, a.billed_units, a.trace_id,
  a.cause, v.text AS provider, b.text AS binding, a.activated, a.steps_memory_mib
FROM activations AS a
JOIN names AS n ON n.ref = a.namespace
JOIN names AS f ON f.ref = a.function
JOIN names AS m ON m.ref = a.function_name
LEFT JOIN names AS p ON p.ref = a.app
LEFT JOIN names AS r ON r.ref = a.route
LEFT JOIN names AS v ON v.ref = a.provider
LEFT JOIN names AS b ON b.ref = a.binding;
