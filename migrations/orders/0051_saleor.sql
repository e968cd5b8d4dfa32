-- Orders that were sold in a Saleor shop: how far it was read, what became of each order here, and what the shop was told of it.
CREATE TABLE saleor_feeds (
    tenant   text PRIMARY KEY,
    since    timestamptz NOT NULL,     -- changes before it are known
    newest   timestamptz NOT NULL,     -- the newest change seen so far
    after    text,                     -- the page to go on with; none = from `since` on
    asked_at timestamptz NOT NULL,
    problem  text                      -- why the shop could not be read the last time
);

CREATE TABLE saleor_orders (
    tenant       text NOT NULL,
    saleor_id    text NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    number       text NOT NULL,
    state        text NOT NULL CHECK (state IN ('imported', 'refused', 'closed')),
    order_id     uuid,
    reason       text,                 -- why it was refused
    changed_at   timestamptz NOT NULL, -- by the shop's clock
    seen_at      timestamptz NOT NULL,
    cancelled_at timestamptz,          -- when it was seen to be cancelled in the shop
    PRIMARY KEY (tenant, saleor_id),
    UNIQUE (tenant, order_id),
    CHECK ((state = 'refused') = (order_id IS NULL)),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, id)
);
CREATE INDEX saleor_orders_newest ON saleor_orders (tenant, seq);
CREATE INDEX saleor_orders_open ON saleor_orders (tenant, seq) WHERE state = 'imported';

-- Which line of the shop's order a line of ours is: one of the shop's may be two here, where a price does not divide evenly.
CREATE TABLE saleor_lines (
    tenant      text NOT NULL,
    order_id    uuid NOT NULL,
    line        integer NOT NULL,
    saleor_line text NOT NULL,
    PRIMARY KEY (tenant, order_id, line)
);

CREATE TABLE saleor_pushes (
    tenant      text NOT NULL,
    order_id    uuid NOT NULL,
    subject     text NOT NULL,         -- the shipment, or `cancel`
    shipment_id uuid,
    state       text NOT NULL CHECK (state IN ('open', 'done', 'refused')),
    detail      text,
    asked_at    timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (tenant, order_id, subject),
    CHECK ((state = 'open') = (ended_at IS NULL))
);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['saleor_feeds', 'saleor_orders', 'saleor_lines', 'saleor_pushes'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE ON saleor_feeds, saleor_orders, saleor_lines, saleor_pushes TO orders_user;
END $$;
