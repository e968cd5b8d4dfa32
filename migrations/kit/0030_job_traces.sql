-- A job is part of the trace that it follows from; jobs of before have none.

ALTER TABLE jobs ADD COLUMN traceparent text;
