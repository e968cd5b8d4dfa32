-- Each report that is fetched, and how far that is.

CREATE TYPE run_state AS ENUM
    ('queued', 'requested', 'processing', 'downloading', 'parsing', 'committed', 'no_data', 'failed');

CREATE TABLE sync_runs (
    tenant           text NOT NULL,
    id               uuid NOT NULL,
    seq              bigint GENERATED ALWAYS AS IDENTITY,
    -- Runs that were started together.
    sync_id          uuid NOT NULL,
    connection_id    uuid NOT NULL,
    report           text NOT NULL,
    marketplace      text NOT NULL,
    window_from      timestamptz NOT NULL,
    window_to        timestamptz NOT NULL,
    state            run_state NOT NULL,
    -- Amazon's numbers.
    report_id        text,
    document_id      text,
    -- Bytes as they are sent: how many there are, if that is known, and how many came.
    bytes_total      bigint,
    bytes_read       bigint NOT NULL DEFAULT 0,
    rows_in          bigint NOT NULL DEFAULT 0,
    rows_new         bigint NOT NULL DEFAULT 0,
    rows_changed     bigint NOT NULL DEFAULT 0,
    rows_quarantined bigint NOT NULL DEFAULT 0,
    rows_rejected    bigint NOT NULL DEFAULT 0,
    rows_per_second  bigint,
    -- The first rows that could not be read: line, column and problem, without their text.
    bad_rows         jsonb NOT NULL DEFAULT '[]',
    -- Attempts that failed in a way that may pass.
    failures         integer NOT NULL DEFAULT 0,
    problem          text,
    -- Something that a person should look at: rows were here before, and now there are none.
    alarm            text,
    queued_at        timestamptz NOT NULL,
    finished_at      timestamptz,
    changed_at       timestamptz NOT NULL,
    version          integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id)
);
CREATE INDEX sync_runs_newest ON sync_runs (tenant, seq);
CREATE INDEX sync_runs_of_report ON sync_runs (tenant, connection_id, report, marketplace, seq);
-- A report of Amazon's is fetched once; a kind of report of one place is not asked for twice at a time.
CREATE UNIQUE INDEX sync_runs_report_id ON sync_runs (tenant, connection_id, report_id) WHERE report = 'settlement';
CREATE UNIQUE INDEX sync_runs_one_open ON sync_runs (tenant, connection_id, report, marketplace)
    WHERE report <> 'settlement' AND state NOT IN ('committed', 'no_data', 'failed');

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['sync_runs'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE ON sync_runs TO claims_user;
END $$;
