-- What is known of the sending of a parcel, as orders told it: proof that it was labelled, handed over, delivered.

CREATE TABLE fulfilments (
    tenant          text NOT NULL,
    shipment_id     uuid NOT NULL,
    seq             bigint GENERATED ALWAYS AS IDENTITY,
    order_id        uuid NOT NULL,
    warehouse_id    text,
    carrier         text,
    service         text,
    tracking_number text,
    label_sha256    text,
    labelled_at     timestamptz,
    dispatched_at   timestamptz,
    delivered_at    timestamptz,
    -- Each message that said something: its id, type and time.
    trail           jsonb NOT NULL,
    recorded_at     timestamptz NOT NULL,
    correlation     uuid NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, shipment_id)
);
CREATE INDEX fulfilments_newest ON fulfilments (tenant, seq);
CREATE INDEX fulfilments_order ON fulfilments (tenant, order_id);

ALTER TABLE fulfilments ENABLE ROW LEVEL SECURITY;
ALTER TABLE fulfilments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON fulfilments USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT, UPDATE ON fulfilments TO evidence_user;
