-- Whose labels have keys that are wrapped anew when a master key is replaced. Names alone, and deliberately without row-level security.
CREATE TABLE known_tenants (
    tenant text PRIMARY KEY
);
GRANT SELECT, INSERT ON known_tenants TO orders_user;
INSERT INTO known_tenants (tenant) SELECT DISTINCT tenant FROM shipments WHERE label_object IS NOT NULL;
