-- What people ask beyond the usual way: the rest of an order is given up, stock is sold that the rule keeps back, problems are raised, and
-- whatever waits in the inbox is put into somebody's hands. And promises of money that are renewed before they are used.

-- What was never taken of an order because the rest of it was given up, and what of that was for goods.
ALTER TABLE orders
    ADD COLUMN given_up_minor       bigint NOT NULL DEFAULT 0 CHECK (given_up_minor >= 0),
    ADD COLUMN given_up_goods_minor bigint NOT NULL DEFAULT 0 CHECK (given_up_goods_minor >= 0),
    -- Another person allowed that it is served from what warehouses keep back.
    ADD COLUMN uses_safety          boolean NOT NULL DEFAULT false,
    -- Counts changes of the private details: a change that was made from an older version is refused.
    ADD COLUMN details_version      integer NOT NULL DEFAULT 1;

-- A promise may be renewed under another number of the gateway; it is as old as its last renewal.
ALTER TABLE payments ADD COLUMN renewed_at timestamptz;
ALTER TABLE payment_calls DROP CONSTRAINT payment_calls_purpose_check;
ALTER TABLE payment_calls ADD CONSTRAINT payment_calls_purpose_check CHECK (purpose IN ('authorize', 'renew', 'capture', 'void', 'refund'));

-- Problems with orders, as they were raised; what becomes of one is told by its task.
CREATE TABLE order_problems (
    tenant   text NOT NULL,
    task_id  uuid NOT NULL,
    order_id uuid NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('not_arrived', 'damaged', 'wrong_item', 'payment', 'other')),
    words    text NOT NULL,
    PRIMARY KEY (tenant, task_id),
    FOREIGN KEY (tenant, task_id) REFERENCES order_tasks (tenant, id)
);
CREATE INDEX order_problems_order ON order_problems (tenant, order_id);

-- Who looks after what waits in other services. Tasks of orders have their assignee themselves.
CREATE TABLE inbox_assignees (
    tenant      text NOT NULL,
    task_id     uuid NOT NULL,
    kind        text NOT NULL CHECK (kind IN ('payout', 'claim_over_limit')),
    assignee    text,
    assigned_by text NOT NULL,
    assigned_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, kind, task_id)
);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['order_problems', 'inbox_assignees'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT ON order_problems TO orders_user;
    GRANT SELECT, INSERT, UPDATE ON inbox_assignees TO orders_user;
END $$;
