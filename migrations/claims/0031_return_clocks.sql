-- Refunded goods that a marketplace had sent: how long they have to come back, and until when it can be asked to pay for them.

CREATE TABLE return_clocks (
    tenant         text NOT NULL,
    -- Follows from refund and line.
    id             uuid NOT NULL,
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    order_id       uuid NOT NULL,
    refund_id      uuid NOT NULL,
    line           integer NOT NULL,
    marketplace    text NOT NULL,
    sku            text NOT NULL,
    units          bigint NOT NULL CHECK (units > 0),
    amount_minor   bigint NOT NULL,
    currency       text NOT NULL,
    refunded_on    date NOT NULL,
    -- Null where no policy is known for the marketplace.
    opens_at       timestamptz,
    closes_at      timestamptz,
    policy_version text,
    -- running: the goods may still come; overdue: the marketplace can be asked; closed: too late; unknown: no policy
    state          text NOT NULL CHECK (state IN ('running', 'overdue', 'closed', 'unknown')),
    started_at     timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    correlation    uuid NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX return_clocks_newest ON return_clocks (tenant, seq);
CREATE INDEX return_clocks_order ON return_clocks (tenant, order_id);

ALTER TABLE return_clocks ENABLE ROW LEVEL SECURITY;
ALTER TABLE return_clocks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON return_clocks USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT, UPDATE ON return_clocks TO claims_user;
