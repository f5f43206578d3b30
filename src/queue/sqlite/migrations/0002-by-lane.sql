-- The newest messages of one lane are listed without reading what else waits.
CREATE INDEX queue_by_lane ON queue_messages (namespace, lane, id);
