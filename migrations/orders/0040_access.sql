-- Keys of machines, and who works in which warehouse.

CREATE TABLE api_keys (
    tenant       text NOT NULL,
    id           uuid NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    name         text NOT NULL,
    scopes       text[] NOT NULL,
    is_operator  boolean NOT NULL,      -- sees the warehouses that it is assigned to, and no more
    made_by      text NOT NULL,
    made_at      timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,           -- to the minute
    PRIMARY KEY (tenant, id)
);
CREATE INDEX api_keys_newest ON api_keys (tenant, seq);

-- Secrets of keys: keyed digests. Several work while one takes over from another.
CREATE TABLE api_key_secrets (
    tenant     text NOT NULL,
    key_id     uuid NOT NULL,
    digest     text NOT NULL,
    made_at    timestamptz NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (tenant, key_id, digest),
    FOREIGN KEY (tenant, key_id) REFERENCES api_keys (tenant, id)
);

-- Whose key it is. Asked before the tenant is known, so without row-level security; ids alone.
CREATE TABLE api_key_directory (
    id     uuid PRIMARY KEY,
    tenant text NOT NULL
);
GRANT SELECT, INSERT ON api_key_directory TO orders_user;

-- Who works where. An operator sees what is in, or leaves from, its own warehouses.
CREATE TABLE warehouse_operators (
    tenant       text NOT NULL,
    warehouse_id text NOT NULL,
    operator     text NOT NULL,
    PRIMARY KEY (tenant, operator, warehouse_id),
    FOREIGN KEY (tenant, warehouse_id) REFERENCES warehouses (tenant, id)
);
CREATE INDEX warehouse_operators_warehouse ON warehouse_operators (tenant, warehouse_id);

-- Whether an order leaves, or will leave, from one of these warehouses.
CREATE FUNCTION order_is_in(of_tenant text, of_order uuid, places text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM shipments WHERE tenant = of_tenant AND order_id = of_order AND warehouse_id = ANY(places))
        OR EXISTS (SELECT 1 FROM reservations r JOIN reservation_lines l ON l.tenant = r.tenant AND l.reservation_id = r.id
                   WHERE r.tenant = of_tenant AND r.order_id = of_order AND r.state IN ('held', 'kept') AND l.warehouse_id = ANY(places))
$$;

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['api_keys', 'api_key_secrets', 'warehouse_operators'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE ON api_keys, api_key_secrets TO orders_user;
    GRANT SELECT, INSERT, DELETE ON warehouse_operators TO orders_user;
END $$;
