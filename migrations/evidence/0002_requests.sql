-- What has to be proved, and what became of each document that was compared with it.

CREATE TYPE request_state AS ENUM ('open', 'proved', 'withdrawn');

CREATE TABLE proof_requests (
    tenant         text NOT NULL,
    id             uuid NOT NULL,
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    claim_type     text NOT NULL,
    reference      text,
    subject        jsonb NOT NULL,
    source_rows    jsonb NOT NULL,
    policy         jsonb NOT NULL,
    requested_by   text NOT NULL,
    state          request_state NOT NULL,
    -- What candidates are looked up by; the same form as in readings.
    codes          text[] NOT NULL,
    supplier_words text[] NOT NULL,
    requested_at   timestamptz NOT NULL,
    cause          uuid NOT NULL,
    correlation    uuid NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX proof_requests_newest ON proof_requests (tenant, seq);
CREATE INDEX proof_requests_codes ON proof_requests USING gin (codes) WHERE state = 'open';
CREATE INDEX proof_requests_supplier ON proof_requests USING gin (supplier_words) WHERE state = 'open';

-- Money that arrived for what was proved, or was taken back (negative). The id is the message that told of it.
CREATE TABLE request_payouts (
    tenant       text NOT NULL,
    id           uuid NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    request_id   uuid NOT NULL,
    amount_minor bigint NOT NULL,
    currency     text NOT NULL,
    reference    text NOT NULL,
    paid_at      timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, request_id, reference),
    FOREIGN KEY (tenant, request_id) REFERENCES proof_requests (tenant, id)
);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['proof_requests', 'request_payouts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE ON proof_requests TO evidence_user;
    GRANT SELECT, INSERT ON request_payouts TO evidence_user;
END $$;
