-- Lists of functions that begin with what changed last.
CREATE INDEX functions_by_change ON functions (namespace, updated_at, id);
