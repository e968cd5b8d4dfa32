-- Cost documentation lies in the object store, encrypted as documents are. Between its making and its storing, the bytes wait here.
ALTER TABLE cost_documents
    ALTER COLUMN content DROP NOT NULL,
    ADD COLUMN object text,      -- follows from the id
    ADD COLUMN key_master text,  -- which master key wrapped the paper's own key
    ADD COLUMN key_wrapped text,
    ADD COLUMN bytes bigint;

DROP TRIGGER cost_documents_stay ON cost_documents;
UPDATE cost_documents SET bytes = length(content);
ALTER TABLE cost_documents
    ALTER COLUMN bytes SET NOT NULL,
    ADD CHECK (content IS NOT NULL OR (object IS NOT NULL AND key_master IS NOT NULL AND key_wrapped IS NOT NULL));

-- The paper stays what it is. It gets its place in the store once, its bytes leave when they are there, and the key may be wrapped anew.
CREATE FUNCTION cost_document_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    allowed cost_documents;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        allowed := OLD;
        allowed.object := coalesce(OLD.object, NEW.object);
        allowed.key_master := NEW.key_master;
        allowed.key_wrapped := NEW.key_wrapped;
        IF NEW.content IS NULL THEN
            allowed.content := NULL;
        END IF;
        IF NEW IS NOT DISTINCT FROM allowed THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a cost documentation never changes' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER cost_documents_stay BEFORE UPDATE OR DELETE ON cost_documents FOR EACH ROW EXECUTE FUNCTION cost_document_stays();
GRANT UPDATE (object, key_master, key_wrapped, content) ON cost_documents TO evidence_user;

-- Those that are here already move as new ones do.
INSERT INTO jobs (kind, key, tenant, payload, correlation, due_at)
SELECT 'evidence.store_costs', id::text, tenant, jsonb_build_object('cost_document_id', id), gen_random_uuid(), now() FROM cost_documents
ON CONFLICT DO NOTHING;
