-- Who placed an order for somebody else finds it again.
CREATE INDEX orders_placed_for ON orders (tenant, placed_by, seq) WHERE placed_by <> customer_id;
-- Numbers of a window of time read that window alone; rows are about as old as their place in the table.
CREATE INDEX orders_placed_at ON orders USING brin (placed_at);

-- A refused payment that no longer counts against its gateway: the customer has named other means, or a person had all asked again.
ALTER TABLE payments ADD COLUMN superseded_at timestamptz;

-- Cards beyond the first, where tokens of several gateways were brought: each counts.
CREATE TABLE order_cards (
    tenant    text NOT NULL,
    order_id  uuid NOT NULL,
    mark      text NOT NULL,
    placed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, order_id, mark),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, id)
);
CREATE INDEX order_cards_mark ON order_cards (tenant, mark, placed_at);
ALTER TABLE order_cards ENABLE ROW LEVEL SECURITY;
ALTER TABLE order_cards FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON order_cards USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT, DELETE ON order_cards TO orders_user;

-- A tenant may have tables of its own for the one, the other, or both.
ALTER TABLE rate_tables ALTER COLUMN rates DROP NOT NULL;
ALTER TABLE rate_tables ADD COLUMN carriers jsonb;
