-- What has to be known before the first call of a function is found at start without reading the others.
CREATE INDEX notes_standing ON notes (function_id)
  WHERE coalesce(notes_json ->> '$.callsMax', notes_json ->> '$.readying') IS NOT NULL;
