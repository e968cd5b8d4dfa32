-- Goods that came back, and where an order stood before its last refund: a refund that falls through takes it back there.
ALTER TABLE orders ADD COLUMN refunded_from order_status;
ALTER TABLE order_lines ADD COLUMN returned_quantity bigint NOT NULL DEFAULT 0 CHECK (0 <= returned_quantity AND returned_quantity <= quantity);
-- The return that a refund belongs to: its goods were taken in by that.
ALTER TABLE refunds ADD COLUMN return_id uuid;

CREATE TABLE returns (
    tenant    text NOT NULL,
    id        uuid NOT NULL,
    seq       bigint GENERATED ALWAYS AS IDENTITY,
    order_id  uuid NOT NULL,
    lines     jsonb NOT NULL,      -- line and quantity of each
    restock   boolean NOT NULL,
    refund_id uuid,
    reason    text NOT NULL,
    taken_by  text NOT NULL,
    taken_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, id)
);
CREATE INDEX returns_order ON returns (tenant, order_id, seq);
ALTER TABLE returns ENABLE ROW LEVEL SECURITY;
ALTER TABLE returns FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON returns USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT ON returns TO orders_user;
