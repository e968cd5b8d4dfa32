-- What a marketplace reported, row by row, as it stood in the file. A row that is read again is the same row; two identical rows of one
-- file are two (occurrence).

-- Column names of files; rows refer to them, so that a row keeps its own layout without repeating it.
CREATE TABLE report_headers (
    tenant text NOT NULL,
    id     uuid NOT NULL,
    names  text[] NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE report_rows (
    tenant        text NOT NULL,
    connection_id uuid NOT NULL,
    -- ledger, reimbursement, settlement, ...
    report        text NOT NULL,
    hash          uuid NOT NULL,
    occurrence    integer NOT NULL,
    -- The marketplace that the report was asked for.
    marketplace   text NOT NULL,
    day           date NOT NULL,
    -- What rules look the row up by.
    fnsku         text,
    sku           text,
    order_id      text,
    case_id       text,
    -- The currency of a settlement's line, which stands in the settlement's first line only.
    currency      text,
    header_id     uuid,
    -- The fields, parted by the unit separator; JSON where the row came from an operation instead of a file.
    raw           text NOT NULL,
    -- Why the row counts for nothing yet: a reason that nobody knows.
    quarantined   text,
    -- Who brought it, or changed it last.
    run_id        uuid NOT NULL,
    first_seen    timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant, connection_id, report, hash, occurrence)
);
CREATE INDEX report_rows_fnsku ON report_rows (connection_id, fnsku) WHERE fnsku IS NOT NULL;
CREATE INDEX report_rows_sku ON report_rows (connection_id, sku) WHERE sku IS NOT NULL;
CREATE INDEX report_rows_order ON report_rows (connection_id, order_id) WHERE order_id IS NOT NULL;
CREATE INDEX report_rows_case ON report_rows (connection_id, case_id) WHERE case_id IS NOT NULL;
CREATE INDEX report_rows_quarantined ON report_rows (connection_id, report) WHERE quarantined IS NOT NULL;

-- What rules look at together, and which of it has to be looked at again.
CREATE TABLE subjects (
    tenant        text NOT NULL,
    connection_id uuid NOT NULL,
    subject       text NOT NULL,
    kind          text NOT NULL,
    name          text NOT NULL,
    -- Counts how often it was touched; looking at it answers the touches known until then.
    touched       bigint NOT NULL,
    answered      bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, connection_id, subject)
);
CREATE INDEX subjects_open ON subjects (tenant, connection_id, subject) WHERE answered < touched;
CREATE INDEX subjects_name ON subjects (connection_id, kind, name);

-- Up to which day something is known: settled/USD, ledger.
CREATE TABLE watermarks (
    tenant        text NOT NULL,
    connection_id uuid NOT NULL,
    name          text NOT NULL,
    day           date NOT NULL,
    PRIMARY KEY (tenant, connection_id, name)
);

-- What articles cost to buy, without freight, duty and labelling.
CREATE TABLE sourcing_costs (
    tenant      text NOT NULL,
    fnsku       text NOT NULL,
    currency    text NOT NULL,
    valid_from  date NOT NULL,
    unit_minor  bigint NOT NULL CHECK (unit_minor >= 0),
    -- invoice, manual or amazon_estimate
    source      text NOT NULL,
    -- What says so: a document, a person.
    told_by     text NOT NULL,
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, fnsku, currency, valid_from, source)
);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['report_headers', 'report_rows', 'subjects', 'watermarks', 'sourcing_costs'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT ON report_headers TO claims_user;
    -- Deleted are only what a snapshot of stock no longer lists.
    GRANT SELECT, INSERT, UPDATE, DELETE ON report_rows TO claims_user;
    GRANT SELECT, INSERT, UPDATE ON subjects, watermarks, sourcing_costs TO claims_user;
END $$;

-- How stock moved by the detailed ledger: sums per article, country, state and day.
CREATE TABLE stock_moves (
    tenant        text NOT NULL,
    connection_id uuid NOT NULL,
    fnsku         text NOT NULL,
    place         text NOT NULL,
    state         text NOT NULL,
    day           date NOT NULL,
    units         bigint NOT NULL,
    PRIMARY KEY (tenant, connection_id, fnsku, place, state, day)
);
ALTER TABLE stock_moves ENABLE ROW LEVEL SECURITY;
ALTER TABLE stock_moves FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON stock_moves USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT, UPDATE ON stock_moves TO claims_user;
