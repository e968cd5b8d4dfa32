-- Claims: what is claimed, by which way it went, what was answered, and what it brought.

CREATE TYPE claim_state AS ENUM (
    'evidence_pending', 'prompt_open', 'ready', 'approval', 'queued', 'submitting', 'submit_unknown', 'submitted', 'acknowledged',
    'info_requested', 'under_review', 'approved', 'partially_approved', 'denied', 'appeal_ready', 'appealed', 'payout_confirmed', 'sealed',
    'fee_charged', 'withdrawn', 'expired', 'failed', 'reversed');

CREATE TABLE claims (
    tenant         text NOT NULL,
    id             uuid NOT NULL,
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    detection_id   uuid NOT NULL,
    connection_id  uuid NOT NULL,
    claim_type     text NOT NULL,
    marketplace    text NOT NULL,
    subject        jsonb NOT NULL,
    units          bigint NOT NULL CHECK (units > 0),
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    currency       text NOT NULL,
    arithmetic     text NOT NULL,
    policy_version text NOT NULL,
    clock_start    date NOT NULL,
    opens_at       timestamptz,
    closes_at      timestamptz,
    -- Keys of the rows that it rests on.
    rows           text[] NOT NULL,
    checklist      jsonb NOT NULL,
    -- Who is asked about it.
    asked          text NOT NULL,
    -- The match of its documents: probability, the model or the person that decided, the document.
    probability    double precision,
    by_model       boolean,
    model          text,
    document_id    uuid,
    channel        text NOT NULL,
    -- Whether the service decided by itself to send it.
    automatic      boolean NOT NULL DEFAULT false,
    -- How often it was sent; the last sending is this number.
    attempt        integer NOT NULL DEFAULT 0,
    -- How often it was sent again after an answer.
    appeals        integer NOT NULL DEFAULT 0,
    note           text,
    case_id        text,
    denial         text,
    -- The person that took it back; it is not prepared again.
    dropped_by     text,
    approved_minor bigint,
    approved_at    timestamptz,
    submitted_at   timestamptz,
    packet_id      uuid,
    state          claim_state NOT NULL,
    correlation    uuid NOT NULL,
    created_at     timestamptz NOT NULL,
    changed_at     timestamptz NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id)
);
-- One claim of a detection, unless it was never sent.
CREATE UNIQUE INDEX claims_detection ON claims (tenant, detection_id) WHERE state NOT IN ('withdrawn', 'expired');
CREATE INDEX claims_of_detection ON claims (tenant, detection_id, seq);
CREATE INDEX claims_newest ON claims (tenant, seq);
CREATE INDEX claims_by_state ON claims (tenant, state, seq);
CREATE INDEX claims_case ON claims (tenant, connection_id, case_id) WHERE case_id IS NOT NULL;

-- Each unit of each row that a claim is about. What one claim holds no other can have: not while it is open, not after it was paid or
-- refused; only what was never sent gives it back. A charge is a row of one unit.
CREATE TABLE claim_units (
    tenant        text NOT NULL,
    connection_id uuid NOT NULL,
    row_key       text NOT NULL,
    -- Which unit of the row, counted from 1, of how many.
    nth           integer NOT NULL CHECK (nth BETWEEN 1 AND of_units),
    of_units      integer NOT NULL,
    claim_id      uuid NOT NULL,
    PRIMARY KEY (tenant, connection_id, row_key, nth),
    FOREIGN KEY (tenant, claim_id) REFERENCES claims (tenant, id)
);
CREATE INDEX claim_units_claim ON claim_units (tenant, claim_id);

-- What happened to a claim, one line each.
CREATE TABLE claim_events (
    tenant   text NOT NULL,
    claim_id uuid NOT NULL,
    version  integer NOT NULL,
    kind     text NOT NULL,
    state    claim_state NOT NULL,
    actor    text,
    detail   jsonb NOT NULL,
    at       timestamptz NOT NULL,
    PRIMARY KEY (tenant, claim_id, version),
    FOREIGN KEY (tenant, claim_id) REFERENCES claims (tenant, id)
);

-- Each sending of a claim. The id is the idempotency key that the channel is given.
CREATE TABLE claim_submissions (
    tenant     text NOT NULL,
    id         uuid NOT NULL,
    claim_id   uuid NOT NULL,
    attempt    integer NOT NULL,
    channel    text NOT NULL,
    automatic  boolean NOT NULL,
    is_appeal  boolean NOT NULL,
    -- queued; sending: the channel may have been called; handed_over: a person sends it; accepted, refused, unknown, not_sent, dropped
    state      text NOT NULL CHECK (state IN ('queued', 'sending', 'handed_over', 'accepted', 'refused', 'unknown', 'not_sent', 'dropped')),
    tries      integer NOT NULL DEFAULT 0,
    letter     jsonb,
    case_id    text,
    problem    text,
    -- The marketplace's day on which it was sent, for pacing.
    sent_on    date,
    queued_at  timestamptz NOT NULL,
    ended_at   timestamptz,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, claim_id, attempt),
    FOREIGN KEY (tenant, claim_id) REFERENCES claims (tenant, id)
);
CREATE INDEX claim_submissions_day ON claim_submissions (tenant, sent_on) WHERE sent_on IS NOT NULL;

-- Claims over the limit, and who let them go.
CREATE TABLE claim_approvals (
    tenant     text NOT NULL,
    claim_id   uuid NOT NULL,
    seq        bigint GENERATED ALWAYS AS IDENTITY,
    wanted_by  text,
    wanted_at  timestamptz NOT NULL,
    allowed    boolean,
    -- What was allowed; more than that has to be allowed anew.
    amount_minor bigint,
    decided_by text,
    reason     text,
    decided_at timestamptz,
    PRIMARY KEY (tenant, claim_id, seq),
    FOREIGN KEY (tenant, claim_id) REFERENCES claims (tenant, id),
    -- Four eyes.
    CHECK (decided_by IS NULL OR decided_by IS DISTINCT FROM wanted_by)
);
CREATE UNIQUE INDEX claim_approvals_open ON claim_approvals (tenant, claim_id) WHERE decided_at IS NULL;

-- Money that came for a claim (cash, inventory) or was taken back (negative). A row of the report counts once.
CREATE TABLE claim_payouts (
    tenant           text NOT NULL,
    id               uuid NOT NULL,
    claim_id         uuid NOT NULL,
    connection_id    uuid NOT NULL,
    row_key          text NOT NULL,
    reimbursement_id text NOT NULL,
    -- The reimbursement that this takes back.
    original_id      text,
    amount_minor     bigint NOT NULL,
    currency         text NOT NULL,
    inventory_units  bigint NOT NULL DEFAULT 0,
    -- None: the row names our case.
    probability_bps  integer,
    -- The finance or settlement posting that shows the money; none: units were given instead, or it has not come yet.
    posting_key      text,
    approved_on      date NOT NULL,
    confirmed_at     timestamptz,
    found_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, connection_id, row_key),
    FOREIGN KEY (tenant, claim_id) REFERENCES claims (tenant, id)
);
CREATE INDEX claim_payouts_claim ON claim_payouts (tenant, claim_id);
CREATE UNIQUE INDEX claim_payouts_posting ON claim_payouts (tenant, connection_id, posting_key) WHERE posting_key IS NOT NULL;

-- Success fees, and credits (negative) for what was taken back: each brings their sum to what is owed by then.
CREATE TABLE claim_fees (
    tenant       text NOT NULL,
    id           uuid NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    claim_id     uuid NOT NULL,
    -- Which of the claim, counted from 1.
    nth          integer NOT NULL,
    basis_minor  bigint NOT NULL,
    rate_bps     integer NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    currency     text NOT NULL,
    -- accrued: owed and not charged yet; charged; credited: given back.
    state        text NOT NULL CHECK (state IN ('accrued', 'charged', 'credited')),
    provider_ref text,
    accrued_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, claim_id, nth),
    FOREIGN KEY (tenant, claim_id) REFERENCES claims (tenant, id)
);
CREATE INDEX claim_fees_claim ON claim_fees (tenant, claim_id);

-- How a tenant's claims are sent and what they cost. A tenant without a row sends nothing by itself.
CREATE TABLE claim_settings (
    tenant         text PRIMARY KEY,
    automatic      boolean NOT NULL,
    limit_minor    bigint,
    limit_currency text,
    per_day        integer NOT NULL CHECK (per_day >= 0),
    fee_bps        integer NOT NULL CHECK (fee_bps BETWEEN 0 AND 10000),
    asked          text,
    set_by         text NOT NULL,
    set_at         timestamptz NOT NULL,
    version        integer NOT NULL DEFAULT 1
);

-- The switch of the operator: one row, for everybody to read, deliberately without row-level security.
CREATE TABLE general_switch (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    stopped boolean NOT NULL,
    reason  text NOT NULL,
    set_by  text NOT NULL,
    set_at  timestamptz NOT NULL,
    version integer NOT NULL DEFAULT 1
);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['claims', 'claim_units', 'claim_events', 'claim_submissions', 'claim_approvals', 'claim_payouts',
                                    'claim_fees', 'claim_settings'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE ON claims, claim_submissions, claim_approvals, claim_payouts, claim_fees, claim_settings TO claims_user;
    -- Units are given back when a claim that was never sent is withdrawn, expires or shrinks.
    GRANT SELECT, INSERT, DELETE ON claim_units TO claims_user;
    GRANT SELECT, INSERT ON claim_events TO claims_user;
    GRANT SELECT, INSERT, UPDATE ON general_switch TO claims_user;
END $$;
