-- What partners earn and are paid. Every table belongs to a tenant; row-level security is switched on at the end.
-- Amounts are whole minor units. Enumerations are types, so that the busy tables need no CHECK per row.

CREATE TYPE reward_on AS ENUM ('click', 'lead', 'sale');
CREATE TYPE commission_state AS ENUM ('pending', 'approved', 'in_payout', 'paid', 'rejected', 'reversed');
CREATE TYPE account AS ENUM ('expense', 'accrued', 'payable', 'in_payout', 'paid', 'clawback_receivable');
CREATE TYPE movement AS ENUM ('calculated', 'approved', 'rejected', 'reversed', 'clawed_back', 'netted', 'requested', 'completed', 'returned');
CREATE TYPE payout_state AS ENUM ('requested', 'approved', 'submitted', 'completed', 'failed', 'rejected');

-- For whom the sweeper has to look for ended holds. Names alone, and deliberately without row-level security.
CREATE TABLE known_tenants (
    tenant text PRIMARY KEY
);

-- Our copy of tracking's reward rules; a version never changes.
CREATE TABLE reward_rules (
    tenant        text NOT NULL,
    campaign_id   uuid NOT NULL,
    version       integer NOT NULL,
    campaign_code text NOT NULL,
    currency      text NOT NULL,
    rules         jsonb NOT NULL,
    received_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant, campaign_id, version)
);

-- What one partner earns by one conversion. A claw-back is a row of its own with negative earnings and `reverses`.
-- Always: 0 <= reversed + clawed_back <= earned, 0 <= paid <= allocated <= earned - reversed (mirrored for claw-backs).
CREATE TABLE commissions (
    tenant            text NOT NULL,
    id                uuid NOT NULL,
    seq               bigint GENERATED ALWAYS AS IDENTITY,
    conversion_id     uuid NOT NULL,
    revision          integer NOT NULL,
    campaign_id       uuid NOT NULL,
    partner           text NOT NULL,
    rules_version     integer NOT NULL,
    rewarded_on       reward_on NOT NULL,
    weight_bps        integer NOT NULL,
    currency          text NOT NULL,
    base_minor        bigint NOT NULL,
    turnover_minor    bigint NOT NULL,
    earned_minor      bigint NOT NULL,
    reversed_minor    bigint NOT NULL DEFAULT 0,
    clawed_back_minor bigint NOT NULL DEFAULT 0,
    allocated_minor   bigint NOT NULL DEFAULT 0, -- in payouts, paid, or set off against a claw-back
    paid_minor        bigint NOT NULL DEFAULT 0, -- of that: arrived or set off
    state             commission_state NOT NULL,
    hold_until        timestamptz NOT NULL,
    held              boolean NOT NULL,          -- waits for a person, not for the hold alone
    review            text[] NOT NULL,
    signals           json,
    facts             json NOT NULL,             -- of the calculation; sentences are made from them when read
    reason            text NOT NULL,             -- why tracking credited the partner
    decision          text,                      -- why it was approved, rejected or reversed
    click_id          uuid,
    order_id          text,
    visitor           uuid,
    occurred_at       timestamptz NOT NULL,
    month             date NOT NULL,
    calculated_at     timestamptz NOT NULL,
    cause             uuid NOT NULL,             -- the message that made it
    correlation       uuid NOT NULL,
    version           integer NOT NULL DEFAULT 1,
    reverses          uuid,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX commissions_conversion ON commissions (tenant, conversion_id);
CREATE INDEX commissions_newest ON commissions (tenant, seq);
CREATE INDEX commissions_partner ON commissions (tenant, partner, seq);
CREATE INDEX commissions_order ON commissions (tenant, order_id) WHERE order_id IS NOT NULL;
CREATE INDEX commissions_time ON commissions USING brin (occurred_at);
CREATE INDEX commissions_due ON commissions (tenant, hold_until) WHERE state = 'pending' AND NOT held;
CREATE INDEX commissions_review ON commissions (tenant, seq) WHERE state = 'pending' AND held;
CREATE INDEX commissions_open ON commissions (tenant, partner, currency, seq) WHERE state = 'approved';

-- Refunds and chargebacks, whether or not the conversion had earned anything by then.
CREATE TABLE refunds (
    tenant         text NOT NULL,
    refund_id      uuid NOT NULL,
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    conversion_id  uuid NOT NULL,
    kind           text NOT NULL,
    currency       text NOT NULL,
    amount_minor   bigint NOT NULL,
    total_minor    bigint NOT NULL,
    purchase_minor bigint NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    cause          uuid NOT NULL,
    PRIMARY KEY (tenant, refund_id)
);
CREATE INDEX refunds_conversion ON refunds (tenant, conversion_id, seq);

-- Attributions after the first, and what was done about them.
CREATE TABLE revisions (
    tenant        text NOT NULL,
    conversion_id uuid NOT NULL,
    revision      integer NOT NULL,
    outcome       text NOT NULL CHECK (outcome IN ('replaced', 'withdrawn', 'left', 'outdated')),
    note          text NOT NULL,
    recorded_at   timestamptz NOT NULL,
    cause         uuid NOT NULL,
    PRIMARY KEY (tenant, conversion_id, revision)
);

-- A customer's first conversion, kept only where a rule counts recurring months.
CREATE TABLE customers (
    tenant           text NOT NULL,
    campaign_id      uuid NOT NULL,
    rewarded_on      reward_on NOT NULL,
    visitor          uuid NOT NULL,
    first_at         timestamptz,
    first_conversion uuid,
    PRIMARY KEY (tenant, campaign_id, rewarded_on, visitor)
) WITH (fillfactor = 80);

-- What a partner did by one rule in one calendar month (UTC), for tiers and monthly caps.
CREATE TABLE partner_months (
    tenant       text NOT NULL,
    partner      text NOT NULL,
    campaign_id  uuid NOT NULL,
    rewarded_on  reward_on NOT NULL,
    month        date NOT NULL,
    count        bigint NOT NULL,
    amount_minor bigint NOT NULL,
    earned_minor bigint NOT NULL,
    PRIMARY KEY (tenant, partner, campaign_id, rewarded_on, month)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- What stands on a partner's accounts: the sum of its ledger, kept in the same transaction. Also the lock of a partner's money.
CREATE TABLE balances (
    tenant              text NOT NULL,
    partner             text NOT NULL,
    currency            text NOT NULL,
    accrued             bigint NOT NULL,
    payable             bigint NOT NULL,
    in_payout           bigint NOT NULL,
    paid                bigint NOT NULL,
    clawback_receivable bigint NOT NULL,
    PRIMARY KEY (tenant, partner, currency),
    CHECK (accrued >= 0 AND payable >= 0 AND in_payout >= 0 AND paid >= 0 AND clawback_receivable <= 0)
) WITH (fillfactor = 20, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Double entry with both sides in one row: `minor` leaves one account and enters the other, so the sum is zero by construction.
-- Never changed, never deleted.
CREATE TABLE ledger (
    tenant        text NOT NULL,
    partner       text NOT NULL,
    at            timestamptz NOT NULL,
    seq           bigint GENERATED ALWAYS AS IDENTITY,
    currency      text NOT NULL,
    movement      movement NOT NULL,
    from_account  account NOT NULL,
    to_account    account NOT NULL,
    minor         bigint NOT NULL CHECK (minor > 0),
    commission_id uuid,
    payout_id     uuid,
    cause         uuid,                          -- the message; absent where a hold ended by itself
    PRIMARY KEY (tenant, partner, at, seq)
);
-- The first movement of a commission can be told from its own row; the index leaves it out to keep the hot path cheap.
CREATE INDEX ledger_commission ON ledger (tenant, commission_id) WHERE commission_id IS NOT NULL AND movement <> 'calculated';
CREATE INDEX ledger_payout ON ledger (tenant, payout_id) WHERE payout_id IS NOT NULL;

-- The ledger as single postings.
CREATE VIEW postings WITH (security_invoker = true) AS
    SELECT l.tenant, l.partner, l.currency, l.seq AS txn_id, side.account, side.minor, l.movement, l.commission_id, l.payout_id, l.cause, l.at
    FROM ledger l
    CROSS JOIN LATERAL (VALUES (l.from_account, -l.minor), (l.to_account, l.minor)) AS side (account, minor);

CREATE TABLE payout_batches (
    tenant     text NOT NULL,
    id         uuid NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text,
    written_at timestamptz,
    cause      uuid NOT NULL,
    correlation uuid NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE payouts (
    tenant          text NOT NULL,
    id              uuid NOT NULL,
    seq             bigint GENERATED ALWAYS AS IDENTITY,
    partner         text NOT NULL,
    currency        text NOT NULL,
    amount_minor    bigint NOT NULL CHECK (amount_minor > 0),
    method          text NOT NULL,
    account_sealed  text NOT NULL,
    account_masked  text NOT NULL,
    state           payout_state NOT NULL,
    needs_approval  boolean NOT NULL,
    requested_by    text NOT NULL,
    approved_by     text,
    batch_id        uuid,
    reference       text,
    reason          text,
    requested_at    timestamptz NOT NULL,
    approved_at     timestamptz,
    submitted_at    timestamptz,
    finished_at     timestamptz,
    cause           uuid NOT NULL,
    correlation     uuid NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, batch_id) REFERENCES payout_batches (tenant, id)
);
CREATE INDEX payouts_newest ON payouts (tenant, seq);
CREATE INDEX payouts_partner ON payouts (tenant, partner, seq);
CREATE INDEX payouts_ready ON payouts (tenant, seq) WHERE state = 'approved' AND batch_id IS NULL;
CREATE INDEX payouts_batch ON payouts (tenant, batch_id, seq) WHERE batch_id IS NOT NULL;

-- Which commissions a payout pays. `netted` rows set a commission off against a claw-back when the payout was asked for; they stay when it fails.
CREATE TABLE payout_allocations (
    tenant        text NOT NULL,
    payout_id     uuid NOT NULL,
    commission_id uuid NOT NULL,
    netted        boolean NOT NULL,
    minor         bigint NOT NULL,
    PRIMARY KEY (tenant, payout_id, commission_id, netted)
);
CREATE INDEX payout_allocations_commission ON payout_allocations (tenant, commission_id);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['reward_rules', 'commissions', 'refunds', 'revisions', 'customers', 'partner_months', 'balances',
                                    'ledger', 'payout_batches', 'payouts', 'payout_allocations'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    -- The least that the service needs: what happened is never rewritten.
    GRANT SELECT, INSERT ON known_tenants, reward_rules, refunds, revisions, ledger TO commission_user;
    GRANT SELECT, INSERT, UPDATE ON commissions, customers, partner_months, balances, payout_batches, payouts TO commission_user;
    GRANT SELECT, INSERT ON payout_allocations TO commission_user;
    GRANT SELECT ON postings TO commission_user;
END $$;
