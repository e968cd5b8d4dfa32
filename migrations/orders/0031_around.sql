-- Our own tables of what a user service and a cart service know, for where there is none.

CREATE TABLE customers (
    tenant     text NOT NULL,
    id         text NOT NULL,
    is_active  boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE cart_items (
    tenant      text NOT NULL,
    cart_id     text NOT NULL,
    customer_id text NOT NULL,
    product_id  text NOT NULL,
    quantity    bigint NOT NULL CHECK (quantity > 0),
    -- What the buyer saw: the digits.
    seen_price  text,
    PRIMARY KEY (tenant, cart_id, customer_id, product_id)
);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['customers', 'cart_items'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE, DELETE ON customers, cart_items TO orders_user;
END $$;
