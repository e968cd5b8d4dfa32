-- What open requests are looked up by when a document comes, one row each, as reading_keys is for documents: equality uses an index under
-- row-level security, array operators and expressions over the subject do not.
ALTER TABLE proof_requests
    ADD COLUMN currency text,          -- of the amount in the subject
    ADD COLUMN amount_minor bigint,
    ADD COLUMN dated date;             -- of the order; where that is not known, of the dispute

UPDATE proof_requests
SET currency = subject->'amount'->>'currency',
    amount_minor = (subject->'amount'->>'minor')::bigint,
    dated = coalesce((subject->>'order_date')::date, (subject->>'dispute_date')::date);

CREATE TABLE request_keys (
    tenant       text NOT NULL,
    key          text NOT NULL, -- 'order ...', 'code ...', 'supplier ...' for the whole name, 'word ...' for one of its words
    request_id   uuid NOT NULL,
    ordered_on   date,
    amount_minor bigint,
    open         boolean NOT NULL,
    PRIMARY KEY (tenant, request_id, key),
    FOREIGN KEY (tenant, request_id) REFERENCES proof_requests (tenant, id)
);

INSERT INTO request_keys (tenant, key, request_id, ordered_on, amount_minor, open)
SELECT r.tenant, k.key, r.id, (r.subject->>'order_date')::date, r.amount_minor, r.state = 'open'
FROM proof_requests r, LATERAL (
    SELECT 'code ' || code FROM unnest(r.codes) AS code
    UNION
    SELECT 'word ' || word FROM unnest(r.supplier_words) AS word
    UNION
    SELECT 'supplier ' || array_to_string(r.supplier_words, ' ') WHERE r.supplier_words <> '{}'
    UNION
    SELECT 'order ' || lower(regexp_replace(r.subject->>'order_id', '[^[:alnum:]]', '', 'g')) WHERE r.subject->>'order_id' ~ '[[:alnum:]]'
) AS k (key);

-- The nearest in time and in amount are found without reading all of a much used key.
CREATE INDEX request_keys_ordered ON request_keys (tenant, key, ordered_on) WHERE open;
CREATE INDEX request_keys_amount ON request_keys (tenant, key, amount_minor) WHERE open;
CREATE INDEX proof_requests_amount ON proof_requests (tenant, currency, amount_minor) WHERE state = 'open';
CREATE INDEX proof_requests_dated ON proof_requests (tenant, dated) WHERE state = 'open';
-- The other way round: the keys of one document.
CREATE INDEX reading_keys_document ON reading_keys (tenant, document_id);

ALTER TABLE request_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE request_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON request_keys USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT, UPDATE ON request_keys TO evidence_user;
