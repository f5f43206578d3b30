-- Whether some code is still needed is asked for each folder of code that there is. Of its digest the beginning is enough: who takes two
-- for one keeps something that nobody needs.
CREATE INDEX revisions_by_code ON revisions (substr(fn_json ->> '$.source.digest', 1, 16), function_id);
