-- When goods cost another price than the catalogue's, and why a line costs what it costs.
ALTER TABLE rate_tables ADD COLUMN pricing jsonb;
ALTER TABLE order_lines ADD COLUMN pricing jsonb;

-- What ran low and is to be ordered from whoever supplies it: one at a time for an article in a warehouse, until it came in.
CREATE TABLE reorder_requests (
    tenant       text NOT NULL,
    id           uuid NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    sku          text NOT NULL,
    warehouse_id text NOT NULL,
    quantity     bigint NOT NULL CHECK (quantity > 0),
    available    bigint NOT NULL,      -- what could be sold when it was asked for
    received     bigint NOT NULL DEFAULT 0 CHECK (received >= 0),
    state        text NOT NULL CHECK (state IN ('open', 'received', 'dropped')),
    asked_at     timestamptz NOT NULL,
    closed_at    timestamptz,
    PRIMARY KEY (tenant, id),
    CHECK ((state = 'open') = (closed_at IS NULL))
);
CREATE UNIQUE INDEX reorder_requests_open ON reorder_requests (tenant, sku, warehouse_id) WHERE state = 'open';
CREATE INDEX reorder_requests_newest ON reorder_requests (tenant, seq);
ALTER TABLE reorder_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE reorder_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON reorder_requests USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT, UPDATE ON reorder_requests TO orders_user;
