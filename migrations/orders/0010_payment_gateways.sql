-- Payments by several gateways: why each was chosen, whose payment a gateway's number is, webhooks, disputes.

-- What was made at the gateway before money was asked for; a call is looked up by it.
ALTER TABLE payments ADD COLUMN provider_draft text;
-- What a refusal means: `means`, `gateway` or `final` (then no other gateway is asked).
ALTER TABLE payments ADD COLUMN decline_class text CHECK (decline_class IN ('means', 'gateway', 'final'));

-- Each choice of a gateway, with why every other one came after it or could not be taken. Never changed, never deleted.
CREATE TABLE payment_routes (
    tenant     text NOT NULL,
    seq        bigint GENERATED ALWAYS AS IDENTITY,
    order_id   uuid NOT NULL,
    at         timestamptz NOT NULL,
    payment_id uuid,            -- null = no gateway could be taken
    gateway    text,
    candidates jsonb NOT NULL,
    PRIMARY KEY (tenant, seq),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, id)
);
CREATE INDEX payment_routes_order ON payment_routes (tenant, order_id, seq);

-- How a gateway fares is counted from these alone, which are few.
CREATE INDEX payment_calls_trouble ON payment_calls (tenant, begun_at) WHERE detail IS NOT NULL;

-- Whose payment a gateway's number is. It is asked before the tenant is known, and keeps a number from paying two orders, of whichever
-- tenant: so it is not of one tenant, like the kit's jobs. It holds nothing but numbers.
CREATE TABLE payment_directory (
    gateway    text NOT NULL,
    reference  text NOT NULL,
    tenant     text NOT NULL,
    order_id   uuid NOT NULL,
    payment_id uuid NOT NULL,
    PRIMARY KEY (gateway, reference)
);
GRANT SELECT, INSERT, UPDATE (payment_id) ON payment_directory TO orders_user;

-- Every webhook that was proved, once.
CREATE TABLE payment_webhooks (
    tenant      text NOT NULL,
    gateway     text NOT NULL,
    event_id    text NOT NULL,
    kind        text NOT NULL,      -- the gateway's word
    about       text NOT NULL,      -- ours
    order_id    uuid NOT NULL,
    payment_id  uuid NOT NULL,
    object      text,
    minor       bigint,
    received_at timestamptz NOT NULL,
    heeded_at   timestamptz,
    PRIMARY KEY (tenant, gateway, event_id)
);
CREATE INDEX payment_webhooks_order ON payment_webhooks (tenant, order_id, received_at);

-- Customers or banks that want money back.
CREATE TABLE payment_disputes (
    tenant     text NOT NULL,
    gateway    text NOT NULL,
    dispute    text NOT NULL,
    order_id   uuid NOT NULL,
    payment_id uuid NOT NULL,
    minor      bigint,
    state      text NOT NULL CHECK (state IN ('open', 'won', 'lost')),
    opened_at  timestamptz NOT NULL,
    ended_at   timestamptz,
    PRIMARY KEY (tenant, gateway, dispute)
);
CREATE INDEX payment_disputes_payment ON payment_disputes (tenant, payment_id);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['payment_routes', 'payment_webhooks', 'payment_disputes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT ON payment_routes TO orders_user;
    GRANT SELECT, INSERT, UPDATE ON payment_webhooks, payment_disputes TO orders_user;
END $$;
