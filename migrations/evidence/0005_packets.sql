-- Proof packets: sealed once, never changed. A packet's contents are fixed in one transaction, with its place in the tenant's chain; the file
-- is put together from them afterwards, and comes out the same however often that is tried.

CREATE TYPE packet_state AS ENUM ('sealing', 'ready');

-- The end of each tenant's chain. Its row is the lock under which packets get their places.
CREATE TABLE packet_chains (
    tenant          text PRIMARY KEY,
    position        bigint NOT NULL,
    manifest_sha256 text                        -- of the packet at that place; none before the first
);

CREATE TABLE packets (
    tenant          text NOT NULL,
    id              uuid NOT NULL,
    seq             bigint GENERATED ALWAYS AS IDENTITY,
    request_id      uuid NOT NULL,
    claim           text NOT NULL,
    draft           boolean NOT NULL,
    addendum_to     uuid,
    position        bigint,                     -- in the tenant's chain; none for a draft
    facts_sha256    text NOT NULL,              -- of what it tells: nothing new is not told twice
    manifest        bytea NOT NULL,
    signature       bytea NOT NULL,
    manifest_sha256 text NOT NULL,
    merkle_root     text NOT NULL,
    key_id          text NOT NULL,              -- of the signing key
    object          text NOT NULL,              -- follows from the id
    key_master      text NOT NULL,              -- which master key wrapped the packet's own key
    key_wrapped     text NOT NULL,
    state           packet_state NOT NULL DEFAULT 'sealing',
    sha256          text,                       -- of the file, once it is stored
    bytes           bigint,
    retained_until  timestamptz,                -- none for a draft
    created_at      timestamptz NOT NULL,
    ready_at        timestamptz,
    cause           uuid,
    correlation     uuid NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, position),
    FOREIGN KEY (tenant, request_id) REFERENCES proof_requests (tenant, id),
    FOREIGN KEY (tenant, addendum_to) REFERENCES packets (tenant, id),
    CHECK (draft = (position IS NULL)),
    CHECK ((state = 'ready') = (sha256 IS NOT NULL AND bytes IS NOT NULL AND ready_at IS NOT NULL))
);
CREATE INDEX packets_newest ON packets (tenant, seq);
CREATE INDEX packets_request ON packets (tenant, request_id, seq);
-- A request has one packet; whatever comes later adds to it.
CREATE UNIQUE INDEX packets_first ON packets (tenant, request_id) WHERE NOT draft AND addendum_to IS NULL;

-- The files that are written for a packet; its documents stay where they are.
CREATE TABLE packet_files (
    tenant    text NOT NULL,
    packet_id uuid NOT NULL,
    path      text NOT NULL,
    content   bytea NOT NULL,
    PRIMARY KEY (tenant, packet_id, path),
    FOREIGN KEY (tenant, packet_id) REFERENCES packets (tenant, id)
);

-- Which documents a packet holds.
CREATE TABLE packet_documents (
    tenant      text NOT NULL,
    packet_id   uuid NOT NULL,
    document_id uuid NOT NULL,
    path        text NOT NULL,
    sealed      boolean NOT NULL,               -- not by a draft: it cannot be deleted any more
    PRIMARY KEY (tenant, packet_id, document_id),
    FOREIGN KEY (tenant, packet_id) REFERENCES packets (tenant, id),
    FOREIGN KEY (tenant, document_id) REFERENCES documents (tenant, id)
);
CREATE INDEX packet_documents_document ON packet_documents (tenant, document_id) WHERE sealed;

-- Cost documentation: the id follows from the request, the evidence and the template, and so do the bytes.
CREATE TABLE cost_documents (
    tenant      text NOT NULL,
    id          uuid NOT NULL,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    request_id  uuid NOT NULL,
    inputs      text NOT NULL,                  -- SHA-256 of the evidence
    template    integer NOT NULL,
    sha256      text NOT NULL,
    content     bytea NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, request_id) REFERENCES proof_requests (tenant, id)
);
CREATE INDEX cost_documents_request ON cost_documents (tenant, request_id, seq);

-- What is sealed stays as it is, whatever the service believes. A packet that is being sealed becomes ready, the key that it is stored with may
-- be wrapped anew, and that is all.
CREATE FUNCTION packet_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    allowed packets;
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'packets' THEN
        allowed := OLD;
        allowed.key_master := NEW.key_master;
        allowed.key_wrapped := NEW.key_wrapped;
        IF OLD.state = 'sealing' THEN
            allowed.state := NEW.state;
            allowed.sha256 := NEW.sha256;
            allowed.bytes := NEW.bytes;
            allowed.ready_at := NEW.ready_at;
        END IF;
        IF NEW IS NOT DISTINCT FROM allowed THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'a packet never changes' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER packets_stay BEFORE UPDATE OR DELETE ON packets FOR EACH ROW EXECUTE FUNCTION packet_stays();
CREATE TRIGGER packet_files_stay BEFORE UPDATE OR DELETE ON packet_files FOR EACH ROW EXECUTE FUNCTION packet_stays();
CREATE TRIGGER cost_documents_stay BEFORE UPDATE OR DELETE ON cost_documents FOR EACH ROW EXECUTE FUNCTION packet_stays();
CREATE TRIGGER packet_documents_stay BEFORE UPDATE OR DELETE ON packet_documents FOR EACH ROW EXECUTE FUNCTION packet_stays();

-- A document in a sealed packet is not deleted. Sealing locks the document's row first, so that the two cannot pass each other.
CREATE FUNCTION document_is_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM packet_documents WHERE tenant = OLD.tenant AND document_id = OLD.id AND sealed) THEN
        RAISE EXCEPTION 'a sealed packet holds this document' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER documents_held BEFORE UPDATE OF state ON documents FOR EACH ROW
    WHEN (NEW.state = 'deleted' AND OLD.state <> 'deleted') EXECUTE FUNCTION document_is_held();

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['packet_chains', 'packets', 'packet_files', 'packet_documents', 'cost_documents'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO evidence_user', business);
    END LOOP;
    GRANT UPDATE ON packet_chains TO evidence_user;
    GRANT UPDATE (state, sha256, bytes, ready_at, key_master, key_wrapped) ON packets TO evidence_user;
END $$;
