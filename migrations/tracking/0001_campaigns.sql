-- Campaigns and who takes part in them. Small tables, read whole into a cache per tenant; `catalog_versions` says when that cache is old.

CREATE TABLE campaigns (
    campaign_id       uuid        PRIMARY KEY,
    tenant            text        NOT NULL,
    code              text        NOT NULL,
    name              text        NOT NULL,
    currency          text        NOT NULL,
    destinations      text[]      NOT NULL CHECK (cardinality(destinations) BETWEEN 1 AND 20),
    model             text        NOT NULL CHECK (model IN ('last_click', 'first_click', 'linear', 'position_based')),
    click_window_days int         NOT NULL CHECK (click_window_days BETWEEN 1 AND 3650),
    state             text        NOT NULL CHECK (state IN ('draft', 'active', 'paused', 'ended')),
    rules_version     int         NOT NULL,
    -- Version of the aggregate: goes up by one with every event said about the campaign.
    version           bigint      NOT NULL,
    created_at        timestamptz NOT NULL,
    UNIQUE (tenant, code)
);

-- Since when a campaign is in a state: a purchase that arrives late is judged by the state at its own time.
CREATE TABLE campaign_states (
    tenant      text        NOT NULL,
    campaign_id uuid        NOT NULL REFERENCES campaigns,
    since       timestamptz NOT NULL,
    -- Orders changes within one microsecond.
    version     bigint      NOT NULL,
    state       text        NOT NULL,
    PRIMARY KEY (campaign_id, version)
);

CREATE TABLE campaign_rules (
    tenant        text        NOT NULL,
    campaign_id   uuid        NOT NULL REFERENCES campaigns,
    rules_version int         NOT NULL,
    valid_from    timestamptz NOT NULL,
    rules         jsonb       NOT NULL,
    PRIMARY KEY (campaign_id, rules_version)
);

CREATE TABLE enrolments (
    enrolment_id uuid        PRIMARY KEY,
    tenant       text        NOT NULL,
    campaign_id  uuid        NOT NULL REFERENCES campaigns,
    partner      text        NOT NULL,
    -- Digest of the partner's own user id: a purchase by the partner itself can be told by it.
    own_visitor  uuid        NOT NULL,
    metadata     jsonb       NOT NULL,
    accepted_at  timestamptz NOT NULL,
    UNIQUE (campaign_id, partner)
);
CREATE INDEX enrolments_by_partner ON enrolments (tenant, partner);

-- `code` is unique over all tenants: the path /t/{code} carries none.
CREATE TABLE links (
    link_id      uuid        PRIMARY KEY,
    tenant       text        NOT NULL,
    campaign_id  uuid        NOT NULL REFERENCES campaigns,
    partner      text        NOT NULL,
    code         text        NOT NULL UNIQUE CHECK (code <> ''),
    destination  text        NOT NULL,
    -- The campaign's destinations, repeated so that a redirect reads one row. They never change.
    destinations text[]      NOT NULL,
    created_at   timestamptz NOT NULL
);
CREATE INDEX links_by_partner ON links (campaign_id, partner);

-- `coupon` is stored in capitals: customers type it as they like.
CREATE TABLE coupons (
    tenant      text        NOT NULL,
    coupon      text        NOT NULL,
    campaign_id uuid        NOT NULL REFERENCES campaigns,
    partner     text        NOT NULL,
    assigned_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, coupon)
);

CREATE TABLE publishable_keys (
    key_digest        text        PRIMARY KEY CHECK (key_digest ~ '^[0-9a-f]{64}$'),
    tenant            text        NOT NULL,
    label             text        NOT NULL,
    origins           text[]      NOT NULL,
    events_per_second int         NOT NULL CHECK (events_per_second > 0),
    issued_at         timestamptz NOT NULL
);

-- Who gets what carries nothing to go by.
CREATE TABLE tenant_defaults (
    tenant      text PRIMARY KEY,
    campaign_id uuid NOT NULL REFERENCES campaigns,
    partner     text NOT NULL
);

-- Goes up in the transaction of every command that changes one of the tables above.
CREATE TABLE catalog_versions (
    tenant  text   PRIMARY KEY,
    version bigint NOT NULL
);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['campaigns', 'campaign_states', 'campaign_rules', 'enrolments', 'links', 'coupons', 'publishable_keys',
                                'tenant_defaults', 'catalog_versions'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true)))
                        WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', name);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO tracking_user', name);
    END LOOP;
END $$;

-- Two look-ups come before the tenant is known: by the code of a link and by the digest of a key. They say what they look for in a
-- setting of their transaction, and see that one row.
CREATE POLICY by_code ON links FOR SELECT USING (code = (SELECT current_setting('recoup.lookup', true)));
CREATE POLICY by_digest ON publishable_keys FOR SELECT USING (key_digest = (SELECT current_setting('recoup.lookup', true)));

GRANT UPDATE ON campaigns, catalog_versions, tenant_defaults TO tracking_user;
GRANT DELETE ON tenant_defaults TO tracking_user;
