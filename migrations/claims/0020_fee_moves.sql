-- Money that moves for success fees: a saved card is charged for what is owed by then, and what was charged for cash that the
-- marketplace took back is given back. Each row is asked for with one idempotency key, and never again once it ended.

CREATE TABLE fee_moves (
    tenant        text NOT NULL,
    id            uuid NOT NULL,
    seq           bigint GENERATED ALWAYS AS IDENTITY,
    kind          text NOT NULL CHECK (kind IN ('charge', 'refund')),
    -- planned: not asked yet; asked: it may have happened; processing: the bank takes its time; done; declined: it did not happen
    state         text NOT NULL CHECK (state IN ('planned', 'asked', 'processing', 'done', 'declined')),
    amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
    currency      text NOT NULL,
    connection_id uuid NOT NULL,
    -- Stripe's id of the customer.
    customer      text NOT NULL,
    -- The sealed token of the saved card, as it was when this was planned; gone once it ended. Never a card number.
    secret        jsonb,
    -- A refund: for which claim, and of which charge.
    claim_id      uuid,
    of_move       uuid,
    tries         integer NOT NULL DEFAULT 0,
    -- Stripe's id of the payment or refund.
    provider_ref  text,
    problem       text,
    -- When a declined charge is tried anew; none: when there is another card.
    retry_at      timestamptz,
    planned_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, connection_id) REFERENCES connections (tenant, id),
    FOREIGN KEY (tenant, of_move) REFERENCES fee_moves (tenant, id),
    CHECK ((kind = 'refund') = (of_move IS NOT NULL) AND (kind = 'refund') = (claim_id IS NOT NULL))
);
CREATE INDEX fee_moves_of ON fee_moves (tenant, of_move) WHERE of_move IS NOT NULL;
CREATE INDEX fee_moves_newest ON fee_moves (tenant, currency, seq);

-- By which move a fee or credit is settled; none: not yet.
ALTER TABLE claim_fees ADD COLUMN move_id uuid;
ALTER TABLE claim_fees ADD FOREIGN KEY (tenant, move_id) REFERENCES fee_moves (tenant, id);
CREATE INDEX claim_fees_open ON claim_fees (tenant, seq) WHERE move_id IS NULL;
CREATE INDEX claim_fees_move ON claim_fees (tenant, move_id) WHERE move_id IS NOT NULL;

ALTER TABLE fee_moves ENABLE ROW LEVEL SECURITY;
ALTER TABLE fee_moves FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON fee_moves USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT, UPDATE ON fee_moves TO claims_user;
