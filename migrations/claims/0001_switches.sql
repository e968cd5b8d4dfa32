-- Whether claims are sent by themselves at all. Every table belongs to a tenant and has row-level security.

-- For whom sweeps have to look. Names alone, and deliberately without row-level security.
CREATE TABLE known_tenants (
    tenant text PRIMARY KEY
);

-- The tenant's kill switch. A tenant without a row sends.
CREATE TABLE submission_switches (
    tenant     text PRIMARY KEY,
    stopped    boolean NOT NULL,
    reason     text NOT NULL,
    set_by     text NOT NULL,
    set_at     timestamptz NOT NULL,
    version    integer NOT NULL DEFAULT 1
);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['submission_switches'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT ON known_tenants TO claims_user;
    GRANT SELECT, INSERT, UPDATE ON submission_switches TO claims_user;
END $$;
