-- Mailboxes that are read, the mails that were, and the threads that claims go on in. Of a mail nothing is kept here but what came of it;
-- the words of an answer stand in the claim's history.

CREATE TABLE mailboxes (
    tenant        text NOT NULL,
    connection_id uuid NOT NULL,
    -- UIDs of another validity are other mails.
    uid_validity  bigint NOT NULL,
    last_uid      bigint NOT NULL DEFAULT 0,
    read_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant, connection_id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id)
);

CREATE TABLE mails (
    tenant        text NOT NULL,
    connection_id uuid NOT NULL,
    -- SHA-256 of the whole mail: the same mail under another number is the same mail.
    digest        text NOT NULL,
    seq           bigint GENERATED ALWAYS AS IDENTITY,
    -- documents: its files went to evidence; answer: the marketplace's, to one of our claims; of_nobody: nothing that we look for;
    -- suspicious: it claims to be the marketplace's, and the mail server says that it is not; too_large; unreadable
    outcome       text NOT NULL CHECK (outcome IN ('documents', 'answer', 'of_nobody', 'suspicious', 'too_large', 'unreadable')),
    claim_id      uuid,
    documents     integer NOT NULL DEFAULT 0,
    read_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant, connection_id, digest),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id)
);

-- The thread of a case: where the marketplace wants answers, and which mails belong to it.
CREATE TABLE mail_threads (
    tenant        text NOT NULL,
    claim_id      uuid NOT NULL,
    connection_id uuid NOT NULL,
    -- The sealed address that answers go to.
    reply_to      text NOT NULL,
    subject       text NOT NULL,
    -- Names of the mails, the newest last.
    message_ids   text[] NOT NULL,
    changed_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant, claim_id),
    FOREIGN KEY (tenant, claim_id) REFERENCES claims (tenant, id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id)
);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['mailboxes', 'mails', 'mail_threads'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE ON mailboxes, mail_threads TO claims_user;
    GRANT SELECT, INSERT ON mails TO claims_user;
END $$;
