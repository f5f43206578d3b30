-- Layers as JSON, with all their versions; one without versions keeps its last number.
CREATE TABLE layers (
  namespace  TEXT NOT NULL REFERENCES namespaces (name),
  name       TEXT NOT NULL,
  revision   INTEGER NOT NULL,
  versions   INTEGER NOT NULL,
  layer_json TEXT NOT NULL,
  PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;

-- What their versions hold, as is asked for each folder of code that there is.
CREATE TABLE layer_contents (
  digest    TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name      TEXT NOT NULL,
  PRIMARY KEY (digest, namespace, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX layer_contents_by_layer ON layer_contents (namespace, name);

-- Revisions of functions that have layers, which are few.
CREATE INDEX revisions_with_layers ON revisions (function_id) WHERE fn_json ->> '$.source.layers' IS NOT NULL;
