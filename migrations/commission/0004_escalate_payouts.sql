-- Of payouts that wait for a second person already somebody is told as of new ones: when their time is over.
ALTER TABLE payouts NO FORCE ROW LEVEL SECURITY;
INSERT INTO jobs (kind, key, tenant, payload, correlation, cause, due_at)
SELECT 'commission.escalate_payout', id::text, tenant, jsonb_build_object('payout_id', id), correlation, cause, due_at
FROM payouts WHERE state = 'requested' AND due_at IS NOT NULL
ON CONFLICT (kind, key) DO NOTHING;
ALTER TABLE payouts FORCE ROW LEVEL SECURITY;
