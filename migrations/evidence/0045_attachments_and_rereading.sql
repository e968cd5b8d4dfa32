-- Files that came in a mail: each is a document of its own, and stays one when the mail is deleted.
CREATE TABLE document_attachments (
    tenant      text NOT NULL,
    mail_id     uuid NOT NULL,
    position    integer NOT NULL, -- its place in the mail, from 1
    document_id uuid NOT NULL,
    file_name   text,
    PRIMARY KEY (tenant, mail_id, position),
    FOREIGN KEY (tenant, mail_id) REFERENCES documents (tenant, id),
    FOREIGN KEY (tenant, document_id) REFERENCES documents (tenant, id)
);
CREATE INDEX document_attachments_document ON document_attachments (tenant, document_id);

ALTER TABLE document_attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_attachments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON document_attachments USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT ON document_attachments TO evidence_user;

-- The last time that a document was read once more, and why nothing came of it, if so: what was read before then stays.
ALTER TABLE documents
    ADD COLUMN reread_at timestamptz,
    ADD COLUMN reread_rule text,
    ADD COLUMN reread_reason text;

-- What was decided about a document and is not settled: it is judged again when the document was read again or deleted.
CREATE INDEX matches_of_document ON matches (tenant, document_id) WHERE latest;
