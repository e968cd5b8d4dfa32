-- Accounts that Recoup may use: sellers, mailboxes, payers. Secrets are sealed; no message, log or answer holds one.

CREATE TYPE connection_kind AS ENUM ('amazon', 'gmail', 'imap', 'stripe');
CREATE TYPE connection_state AS ENUM ('pending', 'connected', 'token_expired', 'revoked');

CREATE TABLE connections (
    tenant       text NOT NULL,
    id           uuid NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    kind         connection_kind NOT NULL,
    -- The seller's region (na, eu, fe); empty for the other kinds.
    region       text NOT NULL,
    -- Amazon's id of the seller, the mailbox's address, the payer's account. A consent names it, or its exchange does.
    account      text NOT NULL,
    state        connection_state NOT NULL,
    -- Country codes in which the seller sells.
    marketplaces text[] NOT NULL DEFAULT '{}',
    -- Host and port of a mailbox.
    settings     jsonb NOT NULL DEFAULT '{}',
    -- The sealed secret and its wrapped key; gone once the connection is cut.
    secret       jsonb,
    -- Why it cannot be used, in words.
    problem      text,
    connected_by text NOT NULL,
    created_at   timestamptz NOT NULL,
    changed_at   timestamptz NOT NULL,
    version      integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX connections_newest ON connections (tenant, seq);

-- Consents that came back. One that is here cannot be used again.
CREATE TABLE consents (
    tenant        text NOT NULL,
    nonce         text NOT NULL,
    connection_id uuid NOT NULL,
    used_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant, nonce)
);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['connections', 'consents'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE ON connections TO claims_user;
    GRANT SELECT, INSERT ON consents TO claims_user;
END $$;
