-- A key that leaked is withdrawn. Its row stays: the same key must not be issued again, and the list tells what was.

ALTER TABLE publishable_keys ADD COLUMN withdrawn_at timestamptz;
CREATE INDEX publishable_keys_by_time ON publishable_keys (tenant, issued_at, key_digest);
GRANT UPDATE (withdrawn_at) ON publishable_keys TO tracking_user;
