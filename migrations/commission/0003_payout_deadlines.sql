-- Until when a payout that needs a second person should be decided. Of payouts from before: four hours, as the inbox had reckoned.
ALTER TABLE payouts ADD COLUMN due_at timestamptz;
ALTER TABLE payouts NO FORCE ROW LEVEL SECURITY;
UPDATE payouts SET due_at = requested_at + interval '4 hours' WHERE needs_approval;
ALTER TABLE payouts FORCE ROW LEVEL SECURITY;
