-- Functions that declare a path below `/r/{app}` are found by it. An annotation is kept as its JSON text: a string with its quotes.
CREATE INDEX functions_by_path ON functions (namespace, app_id, annotations_json ->> '$."polykiln/path"', id)
  WHERE annotations_json ->> '$."polykiln/path"' IS NOT NULL;
