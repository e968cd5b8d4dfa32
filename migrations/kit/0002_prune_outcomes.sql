-- Outcomes of commands are kept as long as the inbox keeps their ids. Whoever prunes has no tenant: it says so in a setting of its
-- transaction, and then sees and may delete what is old enough of every tenant, and nothing else.

CREATE POLICY old_ones ON command_outcomes FOR SELECT
    USING ((SELECT current_setting('recoup.pruning', true)) = 'on' AND finished_at < now() - interval '35 days');
CREATE POLICY old_ones_end ON command_outcomes FOR DELETE
    USING ((SELECT current_setting('recoup.pruning', true)) = 'on' AND finished_at < now() - interval '35 days');
CREATE INDEX command_outcomes_finished ON command_outcomes USING brin (finished_at);

-- For the gauge of jobs that were given up.
CREATE INDEX jobs_failed ON jobs (id) WHERE failed_at IS NOT NULL;
