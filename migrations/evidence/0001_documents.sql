-- What was submitted, and the documents behind it. Every table belongs to a tenant and has row-level security.

CREATE TYPE submission_state AS ENUM ('fetching', 'received', 'rejected');
CREATE TYPE document_state AS ENUM ('received', 'parsed', 'parse_failed', 'quarantined', 'deleted');

-- For whom sweeps have to look. Names alone, and deliberately without row-level security.
CREATE TABLE known_tenants (
    tenant text PRIMARY KEY
);

-- Documents by content: the id follows from the tenant and the SHA-256 of the bytes. The bytes lie encrypted in the object store.
CREATE TABLE documents (
    tenant      text NOT NULL,
    id          uuid NOT NULL,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    sha256      text NOT NULL,
    bytes       bigint NOT NULL,
    media_type  text NOT NULL,
    file_name   text,
    object      text NOT NULL,
    key_master  text NOT NULL, -- which master key wrapped the document's own key
    key_wrapped text NOT NULL,
    state       document_state NOT NULL,
    rule        text,          -- that failed, when it could not be read
    reason      text,
    received_at timestamptz NOT NULL,
    read_at     timestamptz,
    cause       uuid NOT NULL,
    correlation uuid NOT NULL,
    version     integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX documents_newest ON documents (tenant, seq);
CREATE UNIQUE INDEX documents_object ON documents (object);

-- Who sent what for what purpose; several submissions may have brought the same document.
CREATE TABLE submissions (
    tenant        text NOT NULL,
    id            uuid NOT NULL,
    seq           bigint GENERATED ALWAYS AS IDENTITY,
    state         submission_state NOT NULL,
    document_id   uuid,
    url           text,
    campaign_id   uuid,
    request_id    uuid,
    evidence_type text NOT NULL,
    metadata      jsonb NOT NULL,
    partner       text,
    submitted_by  text NOT NULL,
    code          text,        -- why it was rejected
    reason        text,
    submitted_at  timestamptz NOT NULL,
    cause         uuid NOT NULL,
    correlation   uuid NOT NULL,
    version       integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, document_id) REFERENCES documents (tenant, id)
);
CREATE INDEX submissions_document ON submissions (tenant, document_id);
CREATE INDEX submissions_partner ON submissions (tenant, partner, seq) WHERE partner IS NOT NULL;
CREATE INDEX submissions_campaign ON submissions (tenant, campaign_id, seq) WHERE campaign_id IS NOT NULL;

-- What was read of a document. The columns beside the whole are what candidates are looked up by.
CREATE TABLE readings (
    tenant         text NOT NULL,
    document_id    uuid NOT NULL,
    parser         text NOT NULL,    -- ubl, cii, pdf_text, ocr
    parser_version integer NOT NULL,
    invoice        jsonb NOT NULL,
    codes          text[] NOT NULL,  -- numbers of invoice, orders and articles: letters and digits alone, folded
    supplier_words text[] NOT NULL,
    issued_on      date,
    gross_minor    bigint,
    currency       text,
    PRIMARY KEY (tenant, document_id),
    FOREIGN KEY (tenant, document_id) REFERENCES documents (tenant, id)
);
CREATE INDEX readings_codes ON readings USING gin (codes);
CREATE INDEX readings_supplier ON readings USING gin (supplier_words);
CREATE INDEX readings_issued ON readings (tenant, issued_on);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['documents', 'submissions', 'readings'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT ON known_tenants TO evidence_user;
    GRANT SELECT, INSERT, UPDATE ON documents, submissions TO evidence_user;
    GRANT SELECT, INSERT, DELETE ON readings TO evidence_user;
END $$;
