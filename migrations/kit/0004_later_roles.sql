-- The roles of services that came later work with the kit's tables as the others do; each database is open to its own role alone.
DO $$
DECLARE
    service_role text;
BEGIN
    FOR service_role IN SELECT rolname FROM pg_roles WHERE rolname IN ('claims_user', 'orders_user', 'notify_user') LOOP
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON inbox, outbox, relay_lease, command_outcomes, parked, attempts, '
                       'consumer_starts, jobs TO %I', service_role);
    END LOOP;
END $$;
