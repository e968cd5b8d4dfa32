-- A refund that was not paid after all: what it took is given back, and it counts no more.
ALTER TABLE refunds ADD COLUMN withdrawn_at timestamptz;
GRANT UPDATE (withdrawn_at) ON refunds TO commission_user;
ALTER TYPE movement ADD VALUE 'restored';
