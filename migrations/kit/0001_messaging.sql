-- What every service's database holds for service-kit: what came in, what goes out, what is due, what went wrong.
-- These tables serve all tenants at once (the relay reads every tenant's events), so row-level security is on only where a
-- caller's query reaches: command_outcomes.

-- Every message that was handled. The primary key is the guarantee that none is applied twice.
-- Message ids are mostly UUIDv7, so inserts land at the end of the index. Rows are kept at least as long as the topics' retention.
CREATE TABLE inbox (
    message_id  uuid PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_received_at ON inbox USING brin (received_at);

-- Events that committed and are not yet confirmed by the broker. Rows live for milliseconds: vacuum by count, not by share.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text NOT NULL,
    key        text NOT NULL,
    properties text NOT NULL,
    payload    text NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000, autovacuum_vacuum_cost_delay = 1);

-- Who publishes the outbox. A row with an expiry, not an advisory lock: a frozen leader would keep a lock for ever.
CREATE TABLE relay_lease (
    name  text PRIMARY KEY,
    owner uuid NOT NULL,
    epoch bigint NOT NULL,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);

-- How each command ended.
CREATE TABLE command_outcomes (
    command_id  uuid PRIMARY KEY,
    tenant      text NOT NULL,
    actor       text,
    type        text NOT NULL,
    status      text NOT NULL CHECK (status IN ('done', 'rejected')),
    rejection   jsonb,
    result      jsonb,
    body_digest text,
    correlation uuid NOT NULL,
    finished_at timestamptz NOT NULL
);
ALTER TABLE command_outcomes ENABLE ROW LEVEL SECURITY;
ALTER TABLE command_outcomes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON command_outcomes
    USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));

-- Messages that could not be handled, and later ones of the same key that must not overtake them.
CREATE TABLE parked (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id  uuid NOT NULL UNIQUE,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    key         text NOT NULL,
    tenant      text NOT NULL,
    type        text NOT NULL,
    properties  text NOT NULL,
    payload     bytea NOT NULL,
    reason      text NOT NULL CHECK (reason IN ('rejected', 'attempts', 'malformed', 'follows')),
    error       text NOT NULL,
    attempts    integer NOT NULL,
    parked_at   timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'parked' CHECK (state IN ('parked', 'redrive', 'redriven', 'dropped')),
    note        text,
    resolved_at timestamptz
);
CREATE INDEX parked_open ON parked (id) WHERE state IN ('parked', 'redrive');
CREATE INDEX parked_open_keys ON parked (topic, key, id) WHERE state IN ('parked', 'redrive');

-- Attempts at a suspicious message, committed before each, so that one which kills the process is counted too.
CREATE TABLE attempts (
    message_id uuid PRIMARY KEY,
    attempts   integer NOT NULL,
    last_error text,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Starts of a partition's consumer since it last made good progress; two in a row without any make it careful.
CREATE TABLE consumer_starts (
    topic     text NOT NULL,
    partition integer NOT NULL,
    fruitless integer NOT NULL,
    PRIMARY KEY (topic, partition)
);

-- Work that is due at a time: timers, and effects outside the database.
CREATE TABLE jobs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind         text NOT NULL,
    key          text NOT NULL,
    tenant       text NOT NULL,
    payload      jsonb NOT NULL,
    correlation  uuid NOT NULL,
    cause        uuid,
    due_at       timestamptz NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    locked_by    uuid,
    locked_until timestamptz,
    last_error   text,
    failed_at    timestamptz,
    UNIQUE (kind, key)
);
CREATE INDEX jobs_due ON jobs (due_at) WHERE failed_at IS NULL;

-- The roles of all services share this file; each database is open to its own role alone (see `recoup migrate`).
DO $$
DECLARE service_role text;
BEGIN
    FOR service_role IN SELECT rolname FROM pg_roles WHERE rolname IN ('tracking_user', 'commission_user') LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON inbox, outbox, relay_lease, command_outcomes, parked, attempts, '
                       'consumer_starts, jobs TO %I', service_role);
    END LOOP;
END $$;
