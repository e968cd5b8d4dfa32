-- What somebody was told, and what webhooks were sent, ends after a time. Whoever prunes has no tenant: it says so in a setting of its
-- transaction, and then sees and may delete what is old enough of every tenant, and nothing else. Attempts and sendings go with theirs.

CREATE POLICY old_ones ON notifications FOR SELECT
    USING ((SELECT current_setting('recoup.pruning', true)) = 'on' AND created_at < now() - interval '400 days');
CREATE POLICY old_ones_end ON notifications FOR DELETE
    USING ((SELECT current_setting('recoup.pruning', true)) = 'on' AND created_at < now() - interval '400 days');
CREATE POLICY old_ones ON deliveries FOR SELECT
    USING ((SELECT current_setting('recoup.pruning', true)) = 'on' AND state <> 'waiting' AND created_at < now() - interval '90 days');
CREATE POLICY old_ones_end ON deliveries FOR DELETE
    USING ((SELECT current_setting('recoup.pruning', true)) = 'on' AND state <> 'waiting' AND created_at < now() - interval '90 days');
CREATE INDEX notifications_created ON notifications USING brin (created_at);
CREATE INDEX deliveries_created ON deliveries USING brin (created_at);
GRANT DELETE ON notifications, deliveries TO notify_user;
