-- Labels that are bought from carriers, and where parcels are.

ALTER TABLE warehouses ADD COLUMN address jsonb;            -- where carriers fetch parcels

ALTER TABLE shipments
    ADD COLUMN provider          text,          -- through whom the label is bought; null = by hand
    ADD COLUMN provider_shipment text,
    ADD COLUMN provider_rate     text,
    ADD COLUMN provider_tracker  text,
    ADD COLUMN choice            text,          -- why this carrier
    ADD COLUMN rate_begun_at     timestamptz,   -- written before the provider is asked: from then on it is looked up first
    ADD COLUMN label_begun_at    timestamptz,
    ADD COLUMN labelled_at       timestamptz,
    ADD COLUMN label_voided_at   timestamptz,
    ADD COLUMN label_object      text,          -- in the object store, encrypted
    ADD COLUMN label_sha256      text,
    ADD COLUMN label_bytes       bigint,
    ADD COLUMN label_media_type  text,
    ADD COLUMN label_key_master  text,
    ADD COLUMN label_key_wrapped text,
    ADD COLUMN tracking_status   text,
    ADD COLUMN tracked_at        timestamptz;

-- Whose parcel a provider speaks of when it calls. Ids alone, and deliberately without row-level security: the call names no tenant.
CREATE TABLE carrier_parcels (
    provider    text NOT NULL,
    tracker     text NOT NULL,
    tenant      text NOT NULL,
    order_id    uuid NOT NULL,
    shipment_id uuid NOT NULL,
    PRIMARY KEY (provider, tracker)
);
GRANT SELECT, INSERT ON carrier_parcels TO orders_user;
