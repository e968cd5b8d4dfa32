-- What a marketplace seems to owe, and what became of it.

CREATE TYPE detection_status AS ENUM
    ('researching', 'awaiting_auto', 'not_yet_open', 'claimable', 'review', 'claimed', 'resolved_by_amazon', 'expired', 'dismissed');

CREATE TABLE detections (
    tenant           text NOT NULL,
    -- Follows from connection, kind of claim, subject, clock, term of the policy, and generation.
    id               uuid NOT NULL,
    seq              bigint GENERATED ALWAYS AS IDENTITY,
    connection_id    uuid NOT NULL,
    claim_type       text NOT NULL,
    marketplace      text NOT NULL,
    -- fnsku, sku, order_id, shipment_id, ... as far as it has them, and `text`: all of it in words.
    subject          jsonb NOT NULL,
    fnsku            text,
    sku              text,
    units            bigint NOT NULL,
    unit_value_minor bigint,
    expected_minor   bigint,
    currency         text,
    basis            text NOT NULL,
    clock_start      date,
    opens_at         timestamptz,
    closes_at        timestamptz,
    safe_file_by     timestamptz,
    policy_version   text,
    certainty        text,
    status           detection_status NOT NULL,
    arithmetic       text NOT NULL,
    -- Each with key, units, report and raw text.
    rows             jsonb NOT NULL,
    -- Why it changed last, in words.
    reason           text,
    claim_id         uuid,
    -- Amazon's number of the case of that claim.
    case_id          text,
    -- What rules looked at to find it; one natural key is open once, and again after a claim took what there was.
    about            text NOT NULL,
    natural_key      text NOT NULL,
    generation       integer NOT NULL DEFAULT 1,
    -- Whether it was told that its time runs out.
    is_warned        boolean NOT NULL DEFAULT false,
    raised_at        timestamptz NOT NULL,
    changed_at       timestamptz NOT NULL,
    version          integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, connection_id, natural_key, generation)
);
CREATE INDEX detections_newest ON detections (tenant, seq);
CREATE INDEX detections_about ON detections (tenant, connection_id, about);
CREATE INDEX detections_taken ON detections (tenant, connection_id, fnsku) WHERE status = 'claimed';
CREATE INDEX detections_status ON detections (tenant, status, seq);

-- Evaluations that somebody asked for.
CREATE TABLE detection_runs (
    tenant         text NOT NULL,
    id             uuid NOT NULL,
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    -- None: of all sellers of the tenant.
    connection_id  uuid,
    -- queued, running, done
    state          text NOT NULL CHECK (state IN ('queued', 'running', 'done')),
    subjects_total bigint NOT NULL DEFAULT 0,
    subjects_done  bigint NOT NULL DEFAULT 0,
    raised         bigint NOT NULL DEFAULT 0,
    changed        bigint NOT NULL DEFAULT 0,
    resolved       bigint NOT NULL DEFAULT 0,
    expired        bigint NOT NULL DEFAULT 0,
    asked_by       text NOT NULL,
    asked_at       timestamptz NOT NULL,
    finished_at    timestamptz,
    version        integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX detection_runs_newest ON detection_runs (tenant, seq);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['detections', 'detection_runs'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE ON detections, detection_runs TO claims_user;
END $$;
