-- A claim can be settled in units that go back to stock instead of money: then the amount is zero.
ALTER TABLE request_payouts ADD COLUMN units bigint NOT NULL DEFAULT 0 CHECK (units >= 0);
