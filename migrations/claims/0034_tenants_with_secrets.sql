-- Whose sealed secrets are wrapped anew when a master key is replaced: every tenant with an account, not only those with claims.
INSERT INTO known_tenants (tenant) SELECT DISTINCT tenant FROM connections ON CONFLICT DO NOTHING;
