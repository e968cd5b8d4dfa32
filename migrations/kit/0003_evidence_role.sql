-- The role of the evidence service works with the kit's tables as the others do; each database is open to its own role alone.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'evidence_user') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON inbox, outbox, relay_lease, command_outcomes, parked, attempts, consumer_starts, jobs
            TO evidence_user;
    END IF;
END $$;
