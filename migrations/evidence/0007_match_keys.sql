-- What documents are looked up by, one row each. Row-level security keeps array operators from using an index (they are not leakproof);
-- equality does. The date is here so that the nearest documents are found without reading all of a much used key.
CREATE TABLE reading_keys (
    tenant      text NOT NULL,
    key         text NOT NULL, -- 'code ...', 'supplier ...' for the whole name, 'word ...' for one of its words
    document_id uuid NOT NULL,
    issued_on   date,
    PRIMARY KEY (tenant, key, document_id),
    FOREIGN KEY (tenant, document_id) REFERENCES documents (tenant, id)
);
CREATE INDEX reading_keys_nearest ON reading_keys (tenant, key, issued_on);

-- Documents that somebody sent for a request are candidates whatever they say.
CREATE INDEX submissions_request ON submissions (tenant, request_id) WHERE request_id IS NOT NULL;

INSERT INTO reading_keys (tenant, key, document_id, issued_on)
SELECT tenant, 'code ' || code, document_id, issued_on FROM readings, unnest(codes) AS code
UNION
SELECT tenant, 'word ' || word, document_id, issued_on FROM readings, unnest(supplier_words) AS word
UNION
SELECT tenant, 'supplier ' || array_to_string(supplier_words, ' '), document_id, issued_on FROM readings WHERE supplier_words <> '{}';

ALTER TABLE reading_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE reading_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON reading_keys USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT, DELETE ON reading_keys TO evidence_user;
