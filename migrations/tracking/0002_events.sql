-- Everything that came in over HTTP, with the attribution of conversions on the same row. The busiest table: every index costs each event.

CREATE TABLE events (
    -- Derived from (tenant, source, event_id) where the caller gave an event_id, so that a repetition meets itself here.
    id             uuid        PRIMARY KEY,
    tenant         text        NOT NULL,
    type           text        NOT NULL CHECK (type IN ('impression', 'click', 'lead', 'purchase', 'refund', 'chargeback')),
    source         text        NOT NULL,
    event_id       text,
    -- Digest of tenant and user id; the user id itself is never stored.
    visitor        uuid,
    click_id       text,
    link           text,
    partner        text,
    -- As sent and resolved (a code gives its id without a look-up). Of conversions: the campaign that was meant, not the one that won.
    campaign       uuid,
    coupon         text,
    order_id       text,
    amount_minor   bigint      CHECK (amount_minor >= 0),
    currency       text,
    occurred_at    timestamptz NOT NULL,
    received_at    timestamptz NOT NULL,
    metadata       json,
    -- Of refunds and chargebacks: the purchase.
    refers_to      uuid,
    -- recorded | attributed | unattributed | applied, pending, refused (of refunds)
    state          text        NOT NULL,
    -- Attribution: who won, by which rules, and the words for it.
    campaign_id    uuid,
    rules_version  int,
    revision       int         NOT NULL DEFAULT 0,
    touchpoints    jsonb,
    reason         text,
    -- Of purchases: the one that was here before under the same order id.
    duplicate_of   uuid,
    refunded_minor bigint      NOT NULL DEFAULT 0,
    -- Version of the conversion: goes up by one with every event said about it.
    version        bigint      NOT NULL DEFAULT 0,
    CHECK (refunded_minor BETWEEN 0 AND coalesce(amount_minor, 0))
);

-- A visitor's digest contains the tenant, so the indexes need not. Apart, so that a customer's purchases are not in the way of its clicks.
CREATE INDEX events_clicks ON events (visitor, occurred_at) WHERE visitor IS NOT NULL AND type = 'click';
CREATE INDEX events_conversions ON events (visitor, occurred_at) WHERE visitor IS NOT NULL AND type IN ('lead', 'purchase');
CREATE INDEX events_by_click ON events (tenant, click_id) WHERE click_id IS NOT NULL;
CREATE INDEX events_by_order ON events (tenant, order_id) WHERE order_id IS NOT NULL;
CREATE INDEX events_pending ON events (refers_to) WHERE state = 'pending' AND refers_to IS NOT NULL;

-- Attributions that a late click or purchase has replaced; the newest is in `events`.
CREATE TABLE attribution_history (
    tenant        text        NOT NULL,
    id            uuid        NOT NULL REFERENCES events,
    revision      int         NOT NULL,
    state         text        NOT NULL,
    campaign_id   uuid,
    rules_version int,
    touchpoints   jsonb,
    reason        text,
    replaced_at   timestamptz NOT NULL,
    PRIMARY KEY (id, revision)
);

ALTER TABLE events ENABLE ROW LEVEL SECURITY;
ALTER TABLE events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON events USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
ALTER TABLE attribution_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE attribution_history FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON attribution_history USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT, UPDATE ON events TO tracking_user;
GRANT SELECT, INSERT ON attribution_history TO tracking_user;

-- The first statement of an ingest transaction, in one round trip: waits for other processes that work on the same visitors, click ids
-- or orders; fixes the plans (the statements probe indexes, whatever the statistics of a young table say); answers the catalog's version
-- as of after the wait. Shards come sorted, and tenants in the order of `tenant_hash`, so that two processes never wait for each other.
CREATE FUNCTION enter_ingest(tenant_hash int, shards int[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    shard int;
BEGIN
    -- A frozen process is not waited for without end (the server ends its transaction after a while).
    PERFORM set_config('lock_timeout', '3s', true);
    FOREACH shard IN ARRAY shards LOOP
        PERFORM pg_advisory_xact_lock(tenant_hash, shard);
    END LOOP;
    PERFORM set_config('plan_cache_mode', 'force_generic_plan', true), set_config('enable_seqscan', 'off', true),
            set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true);
    RETURN coalesce((SELECT version FROM catalog_versions WHERE tenant = (SELECT current_setting('recoup.tenant', true))), 0);
END $$;
