-- Orders from their placing to their close. Every table belongs to a tenant; row-level security is switched on at the end.
-- Amounts are whole minor units of the order's currency. Addresses, mail, telephone and payment token are sealed.

CREATE TYPE order_status AS ENUM ('placed', 'validating', 'on_hold', 'confirmed', 'allocated', 'payment_authorized', 'fulfilling',
    'partially_shipped', 'shipped', 'delivered', 'completed', 'cancelled', 'returned', 'refunded');
CREATE TYPE task_state AS ENUM ('open', 'claimed', 'approved', 'rejected', 'withdrawn');
CREATE TYPE reservation_state AS ENUM ('held', 'kept', 'committed', 'released', 'expired');
CREATE TYPE payment_state AS ENUM ('created', 'unknown', 'declined', 'authorized', 'voided', 'lapsed');
CREATE TYPE call_state AS ENUM ('begun', 'done', 'refused');
CREATE TYPE shipment_state AS ENUM ('planned', 'labelled', 'dispatched', 'delivered', 'cancelled');
CREATE TYPE refund_state AS ENUM ('requested', 'succeeded', 'failed');

-- What is sold. The local catalogue.
CREATE TABLE products (
    tenant     text NOT NULL,
    product_id text NOT NULL,
    sku        text NOT NULL,
    name       text NOT NULL,
    currency   text NOT NULL,
    unit_minor bigint NOT NULL CHECK (unit_minor >= 0),
    grams      bigint NOT NULL CHECK (grams >= 0),
    is_active  boolean NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, product_id),
    UNIQUE (tenant, sku)
);

-- A tenant's own rate table; without one the built-in table counts.
CREATE TABLE rate_tables (
    tenant     text PRIMARY KEY,
    rates      jsonb NOT NULL,
    updated_at timestamptz NOT NULL
);

CREATE TABLE orders (
    tenant           text NOT NULL,
    id               uuid NOT NULL,
    seq              bigint GENERATED ALWAYS AS IDENTITY,
    customer_id      text NOT NULL,
    channel          text NOT NULL CHECK (channel IN ('shop', 'workflow')),
    status           order_status NOT NULL,
    held_from        order_status,
    hold_reason      text,
    hold_detail      text,
    progress         smallint NOT NULL DEFAULT 0,   -- the steps that are done, as a set
    next_at          timestamptz,                   -- when the next step runs; null = it waits for somebody, or nothing is left
    currency         text NOT NULL,
    subtotal_minor   bigint NOT NULL,
    tax_minor        bigint NOT NULL,
    shipping_minor   bigint NOT NULL,
    grand_minor      bigint NOT NULL,
    given            jsonb NOT NULL,                -- tax and shipping that the ordering system had reckoned itself
    rates_version    text NOT NULL,
    captured_minor   bigint NOT NULL DEFAULT 0,
    refunded_minor   bigint NOT NULL DEFAULT 0,     -- refunded or being refunded
    payment_method   text NOT NULL,
    shipping_method  text NOT NULL,
    ship_country     text NOT NULL,
    private_sealed   text NOT NULL,
    card_mark        text,
    address_mark     text,
    device_mark      text,
    addresses        text NOT NULL,
    disposable_mail  boolean NOT NULL,
    fraud_score      smallint,
    fraud_band       text,
    fraud_factors    jsonb,
    click_id         text,
    coupon           text,
    placed_by        text NOT NULL,
    placed_at        timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    confirmed_at     timestamptz,
    shipped_at       timestamptz,
    finished_at      timestamptz,
    cancel_reason    text,
    correlation      uuid NOT NULL,
    version          integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id),
    CHECK ((status = 'on_hold') = (held_from IS NOT NULL)),
    CHECK (0 <= refunded_minor AND refunded_minor <= captured_minor AND captured_minor <= grand_minor)
);
CREATE INDEX orders_newest ON orders (tenant, seq);
CREATE INDEX orders_customer ON orders (tenant, customer_id, seq);
CREATE INDEX orders_status ON orders (tenant, status, seq);
CREATE INDEX orders_card ON orders (tenant, card_mark, placed_at) WHERE card_mark IS NOT NULL;
CREATE INDEX orders_device ON orders (tenant, device_mark, placed_at) WHERE device_mark IS NOT NULL;
CREATE INDEX orders_address ON orders (tenant, address_mark, placed_at) WHERE address_mark IS NOT NULL;

CREATE TABLE order_lines (
    tenant            text NOT NULL,
    order_id          uuid NOT NULL,
    line              integer NOT NULL,
    product_id        text,
    sku               text NOT NULL,
    name              text NOT NULL,
    quantity          bigint NOT NULL CHECK (quantity > 0),
    unit_minor        bigint NOT NULL CHECK (unit_minor >= 0),
    net_minor         bigint NOT NULL,
    tax_minor         bigint NOT NULL,
    grams             bigint NOT NULL,
    refunded_quantity bigint NOT NULL DEFAULT 0,
    refunded_minor    bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, order_id, line),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, id),
    CHECK (0 <= refunded_quantity AND refunded_quantity <= quantity)
);

-- How each step of an order went; the latest of each.
CREATE TABLE order_steps (
    tenant      text NOT NULL,
    order_id    uuid NOT NULL,
    step        text NOT NULL,
    state       text NOT NULL CHECK (state IN ('done', 'held', 'later', 'failed', 'skipped', 'lapsed')),
    attempts    integer NOT NULL,
    detail      text,
    by          text,            -- who, where it was a person
    first_at    timestamptz NOT NULL,
    last_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant, order_id, step),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, id)
);

-- What waits for a person.
CREATE TABLE order_tasks (
    tenant       text NOT NULL,
    id           uuid NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    kind         text NOT NULL,
    order_id     uuid NOT NULL,
    summary      text NOT NULL,
    state        task_state NOT NULL DEFAULT 'open',
    requested_by text NOT NULL,
    assignee     text,
    opened_at    timestamptz NOT NULL,
    due_at       timestamptz NOT NULL,
    escalated_at timestamptz,
    decided_by   text,
    decided_at   timestamptz,
    reason       text,
    version      integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, id)
);
CREATE INDEX order_tasks_newest ON order_tasks (tenant, seq);
CREATE INDEX order_tasks_order ON order_tasks (tenant, order_id);

-- Who did what, and why. Never changed, never deleted.
CREATE TABLE audit (
    tenant   text NOT NULL,
    seq      bigint GENERATED ALWAYS AS IDENTITY,
    at       timestamptz NOT NULL,
    who      text NOT NULL,
    what     text NOT NULL,
    subject  text NOT NULL,
    before   jsonb NOT NULL,
    after    jsonb NOT NULL,
    why      text NOT NULL,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_subject ON audit (tenant, subject, seq);

CREATE TABLE warehouses (
    tenant       text NOT NULL,
    id           text NOT NULL,
    name         text NOT NULL,
    country      text NOT NULL,
    cost_minor   bigint NOT NULL CHECK (cost_minor >= 0),
    distance_km  bigint NOT NULL CHECK (distance_km >= 0),
    is_active    boolean NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- What a warehouse has of an article. The database itself keeps that nothing is promised twice.
CREATE TABLE stock_items (
    tenant           text NOT NULL,
    sku              text NOT NULL,
    warehouse_id     text NOT NULL,
    on_hand          bigint NOT NULL,
    reserved         bigint NOT NULL,
    safety           bigint NOT NULL DEFAULT 0 CHECK (safety >= 0),
    reorder_point    bigint NOT NULL DEFAULT 0 CHECK (reorder_point >= 0),
    reorder_quantity bigint NOT NULL DEFAULT 0 CHECK (reorder_quantity >= 0),
    version          integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, sku, warehouse_id),
    FOREIGN KEY (tenant, warehouse_id) REFERENCES warehouses (tenant, id),
    CHECK (0 <= reserved AND reserved <= on_hand)
) WITH (fillfactor = 50);

-- Each movement of stock with its cause. Never changed, never deleted; its sums are `stock_items`.
CREATE TABLE stock_ledger (
    tenant       text NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    at           timestamptz NOT NULL,
    sku          text NOT NULL,
    warehouse_id text NOT NULL,
    movement     text NOT NULL CHECK (movement IN ('received', 'counted', 'reserved', 'released', 'shipped', 'returned')),
    on_hand      bigint NOT NULL,   -- by how much it changed
    reserved     bigint NOT NULL,   -- by how much it changed
    order_id     uuid,
    movement_id  uuid,
    reference    text,
    who          text NOT NULL,
    PRIMARY KEY (tenant, seq),
    CHECK (on_hand <> 0 OR reserved <> 0 OR movement = 'counted')
);
CREATE INDEX stock_ledger_item ON stock_ledger (tenant, sku, warehouse_id, seq);
CREATE INDEX stock_ledger_order ON stock_ledger (tenant, order_id) WHERE order_id IS NOT NULL;
CREATE UNIQUE INDEX stock_ledger_movement ON stock_ledger (tenant, movement_id) WHERE movement_id IS NOT NULL;

-- Stock that is set aside for an order: held until paid, kept until sent.
CREATE TABLE reservations (
    tenant     text NOT NULL,
    id         uuid NOT NULL,
    order_id   uuid NOT NULL,
    state      reservation_state NOT NULL,
    expires_at timestamptz NOT NULL,
    made_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, id)
);
CREATE UNIQUE INDEX reservations_open ON reservations (tenant, order_id) WHERE state IN ('held', 'kept');

CREATE TABLE reservation_lines (
    tenant         text NOT NULL,
    reservation_id uuid NOT NULL,
    line           integer NOT NULL,
    warehouse_id   text NOT NULL,
    sku            text NOT NULL,
    quantity       bigint NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (tenant, reservation_id, line, warehouse_id),
    FOREIGN KEY (tenant, reservation_id) REFERENCES reservations (tenant, id)
);

-- One try to have an order paid by one provider.
CREATE TABLE payments (
    tenant         text NOT NULL,
    id             uuid NOT NULL,
    order_id       uuid NOT NULL,
    attempt        integer NOT NULL,
    gateway        text NOT NULL,
    currency       text NOT NULL,
    amount_minor   bigint NOT NULL CHECK (amount_minor > 0),
    captured_minor bigint NOT NULL DEFAULT 0,
    refunded_minor bigint NOT NULL DEFAULT 0,
    state          payment_state NOT NULL,
    provider_ref   text,
    decline_code   text,
    disputed_at    timestamptz,
    created_at     timestamptz NOT NULL,
    authorized_at  timestamptz,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, order_id, attempt),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, id),
    CHECK (0 <= refunded_minor AND refunded_minor <= captured_minor AND captured_minor <= amount_minor)
);
-- An order is paid once: never two payments that may hold money.
CREATE UNIQUE INDEX payments_open ON payments (tenant, order_id) WHERE state IN ('created', 'unknown', 'authorized');

-- Each effect at a provider, written down before it is asked for. Its id is the idempotency key; one that was begun is looked up before
-- it is asked for again.
CREATE TABLE payment_calls (
    tenant       text NOT NULL,
    id           uuid NOT NULL,
    payment_id   uuid NOT NULL,
    purpose      text NOT NULL CHECK (purpose IN ('authorize', 'capture', 'void', 'refund')),
    subject      uuid NOT NULL,     -- the payment, shipment or refund that it is for
    amount_minor bigint NOT NULL,
    state        call_state NOT NULL,
    provider_ref text,
    detail       text,
    begun_at     timestamptz NOT NULL,
    ended_at     timestamptz,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, payment_id) REFERENCES payments (tenant, id)
);
CREATE INDEX payment_calls_payment ON payment_calls (tenant, payment_id);

CREATE TABLE shipments (
    tenant          text NOT NULL,
    id              uuid NOT NULL,
    order_id        uuid NOT NULL,
    number          integer NOT NULL,
    warehouse_id    text NOT NULL,
    state           shipment_state NOT NULL,
    grams           bigint NOT NULL,
    amount_minor    bigint NOT NULL,   -- its part of what the order comes to; captured when it leaves
    carrier         text,
    service         text,
    rate_minor      bigint,
    rate_currency   text,
    tracking_number text,
    planned_at      timestamptz NOT NULL,
    dispatched_at   timestamptz,
    delivered_at    timestamptz,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, order_id, number),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, id)
);

CREATE TABLE shipment_lines (
    tenant      text NOT NULL,
    shipment_id uuid NOT NULL,
    line        integer NOT NULL,
    quantity    bigint NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (tenant, shipment_id, line),
    FOREIGN KEY (tenant, shipment_id) REFERENCES shipments (tenant, id)
);

CREATE TABLE refunds (
    tenant       text NOT NULL,
    id           uuid NOT NULL,
    order_id     uuid NOT NULL,
    payment_id   uuid NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    lines        jsonb NOT NULL,
    reason       text NOT NULL,
    restock      boolean NOT NULL,
    state        refund_state NOT NULL,
    detail       text,
    requested_by text NOT NULL,
    requested_at timestamptz NOT NULL,
    ended_at     timestamptz,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, order_id) REFERENCES orders (tenant, id)
);
CREATE INDEX refunds_order ON refunds (tenant, order_id);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['products', 'rate_tables', 'orders', 'order_lines', 'order_steps', 'order_tasks', 'audit', 'warehouses',
        'stock_items', 'stock_ledger', 'reservations', 'reservation_lines', 'payments', 'payment_calls', 'shipments', 'shipment_lines',
        'refunds'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE ON products, rate_tables, orders, order_lines, order_steps, order_tasks, warehouses, stock_items,
        reservations, payments, payment_calls, shipments, refunds TO orders_user;
    GRANT SELECT, INSERT ON audit, stock_ledger, reservation_lines, shipment_lines TO orders_user;
END $$;
