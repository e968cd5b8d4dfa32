-- Which objects of the store belong to somebody. An object that is in no row here was left behind by an upload that ended half-way; the sweep
-- marks it before it deletes it, so that a command which comes late finds that its object is gone instead of counting on it.
-- Random names alone, and deliberately without row-level security: whose an object was, nobody knows who finds it left behind.
CREATE TABLE known_objects (
    object   text PRIMARY KEY,
    swept_at timestamptz -- null: it is kept
);
CREATE INDEX known_objects_swept ON known_objects (swept_at) WHERE swept_at IS NOT NULL;

GRANT SELECT, INSERT, DELETE ON known_objects TO evidence_user;
