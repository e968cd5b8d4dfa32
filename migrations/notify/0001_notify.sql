-- Who is told what, and how it went. Every table belongs to a tenant; row-level security is switched on at the end.
-- Addresses are sealed; a mark is a keyed digest, which tells equal addresses without giving them away.

CREATE TYPE channel AS ENUM ('email', 'sms', 'push', 'in_app');
CREATE TYPE suppression_reason AS ENUM ('bounce', 'complaint', 'unsubscribe', 'manual');
-- A sending that is begun was perhaps handed over: after a crash nobody knows.
CREATE TYPE sending_state AS ENUM ('queued', 'begun', 'sent', 'delivered', 'bounced', 'failed', 'unknown', 'suppressed', 'skipped');
CREATE TYPE delivery_state AS ENUM ('waiting', 'delivered', 'failed', 'cancelled');

-- Who is reached where. A recipient without a row can be told things in its own lists.
CREATE TABLE contacts (
    tenant     text NOT NULL,
    recipient  text NOT NULL,
    language   text,
    version    integer NOT NULL DEFAULT 1,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, recipient)
);

CREATE TABLE contact_points (
    tenant    text NOT NULL,
    recipient text NOT NULL,
    channel   channel NOT NULL,
    sealed    text NOT NULL,
    mark      text NOT NULL,
    masked    text NOT NULL,
    PRIMARY KEY (tenant, recipient, channel),
    FOREIGN KEY (tenant, recipient) REFERENCES contacts (tenant, recipient) ON DELETE CASCADE
);

CREATE TABLE preferences (
    tenant    text NOT NULL,
    recipient text NOT NULL,
    category  text NOT NULL,
    channel   channel NOT NULL,
    enabled   boolean NOT NULL,
    PRIMARY KEY (tenant, recipient, category, channel),
    FOREIGN KEY (tenant, recipient) REFERENCES contacts (tenant, recipient) ON DELETE CASCADE
);

-- Addresses that are not written to, whoever they belong to now.
CREATE TABLE suppressions (
    tenant   text NOT NULL,
    id       uuid NOT NULL,
    seq      bigint GENERATED ALWAYS AS IDENTITY,
    channel  channel NOT NULL,
    mark     text NOT NULL,
    masked   text NOT NULL,
    reason   suppression_reason NOT NULL,
    added_by text NOT NULL,
    added_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, channel, mark)
);
CREATE INDEX suppressions_newest ON suppressions (tenant, seq);

-- A tenant's own texts; the built-in ones stand in the code. Rows never change: a new text is a new version.
CREATE TABLE template_texts (
    tenant     text NOT NULL,
    template   text NOT NULL,
    language   text NOT NULL,
    version    integer NOT NULL CHECK (version > 0),
    subject    text NOT NULL,
    text       text NOT NULL,
    short      text NOT NULL,
    written_by text NOT NULL,
    written_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, template, language, version)
);

-- Whom an order belongs to: later events of it do not say.
CREATE TABLE order_customers (
    tenant      text NOT NULL,
    order_id    uuid NOT NULL,
    customer_id text NOT NULL,
    PRIMARY KEY (tenant, order_id)
);
CREATE INDEX order_customers_customer ON order_customers (tenant, customer_id);

CREATE TABLE notifications (
    tenant       text NOT NULL,
    id           uuid NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    recipient    text NOT NULL,
    template     text NOT NULL,
    category     text NOT NULL,
    language     text NOT NULL,
    -- Of the text that was used: 0 is the built-in one.
    text_version integer NOT NULL,
    subject      text NOT NULL,
    text         text NOT NULL,
    short        text NOT NULL,
    dedupe_key   text NOT NULL,
    sent_by      text NOT NULL,
    correlation  uuid NOT NULL,
    created_at   timestamptz NOT NULL,
    read_at      timestamptz,
    read_by      text,
    version      integer NOT NULL DEFAULT 1,
    -- The transaction that made it: what is not committed yet will have none that is lower than all that still run, so that streams miss nothing.
    written      bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    PRIMARY KEY (tenant, id),
    -- Once means once.
    UNIQUE (tenant, dedupe_key)
);
CREATE INDEX notifications_recipient ON notifications (tenant, recipient, seq);
CREATE INDEX notifications_stream ON notifications (tenant, recipient, written, seq);
CREATE INDEX notifications_newest ON notifications (tenant, seq);

-- One notification by one channel.
CREATE TABLE sendings (
    tenant          text NOT NULL,
    notification_id uuid NOT NULL,
    channel         channel NOT NULL,
    state           sending_state NOT NULL,
    -- The carrier's name of the message.
    reference       text,
    -- Why it was not sent, without the address.
    reason          text,
    attempts        integer NOT NULL DEFAULT 0,
    begun_at        timestamptz,
    ended_at        timestamptz,
    PRIMARY KEY (tenant, notification_id, channel),
    FOREIGN KEY (tenant, notification_id) REFERENCES notifications (tenant, id) ON DELETE CASCADE
);
-- A message of a carrier is one of ours.
CREATE UNIQUE INDEX sendings_reference ON sendings (tenant, channel, reference) WHERE reference IS NOT NULL;

CREATE TABLE webhooks (
    tenant         text NOT NULL,
    id             uuid NOT NULL,
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    url_sealed     text NOT NULL,
    description    text NOT NULL,
    -- Empty = all.
    types          text[] NOT NULL,
    secret_sealed  text NOT NULL,
    former_sealed  text,
    former_until   timestamptz,
    enabled        boolean NOT NULL DEFAULT true,
    disabled_why   text,
    -- Since when every attempt failed; null = the last one did not.
    failing_since  timestamptz,
    created_by     text NOT NULL,
    created_at     timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX webhooks_newest ON webhooks (tenant, seq);

CREATE TABLE deliveries (
    tenant       text NOT NULL,
    id           uuid NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    webhook_id   uuid NOT NULL,
    -- What the receiver tells repeats by.
    message_id   text NOT NULL,
    type         text NOT NULL,
    payload      text NOT NULL,
    state        delivery_state NOT NULL,
    -- Attempts since it was last asked for; the schedule goes by them.
    attempts     integer NOT NULL DEFAULT 0,
    asked_at     timestamptz NOT NULL,
    next_at      timestamptz,
    -- Each asking is a job of its own.
    round        integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, webhook_id, message_id),
    FOREIGN KEY (tenant, webhook_id) REFERENCES webhooks (tenant, id) ON DELETE CASCADE
);
CREATE INDEX deliveries_webhook ON deliveries (tenant, webhook_id, seq);

-- The log: what each attempt was answered.
CREATE TABLE delivery_attempts (
    tenant      text NOT NULL,
    delivery_id uuid NOT NULL,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    at          timestamptz NOT NULL,
    status      integer,
    error       text,
    answer      text,
    millis      bigint NOT NULL,
    PRIMARY KEY (tenant, delivery_id, seq),
    FOREIGN KEY (tenant, delivery_id) REFERENCES deliveries (tenant, id) ON DELETE CASCADE
);

-- Who did what to webhooks, templates, contacts and suppressions of others.
CREATE TABLE audit (
    tenant  text NOT NULL,
    seq     bigint GENERATED ALWAYS AS IDENTITY,
    at      timestamptz NOT NULL,
    who     text NOT NULL,
    what    text NOT NULL,
    subject text NOT NULL,
    before  jsonb NOT NULL,
    after   jsonb NOT NULL,
    PRIMARY KEY (tenant, seq)
);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['contacts', 'contact_points', 'preferences', 'suppressions', 'template_texts', 'order_customers',
        'notifications', 'sendings', 'webhooks', 'deliveries', 'delivery_attempts', 'audit'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE, DELETE ON contacts, contact_points, preferences, suppressions, notifications, webhooks TO notify_user;
    GRANT SELECT, INSERT, UPDATE ON sendings, deliveries, order_customers TO notify_user;
    GRANT SELECT, INSERT ON template_texts, delivery_attempts, audit TO notify_user;
END $$;
