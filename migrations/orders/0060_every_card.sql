-- Every card that an order may be paid with is in one table, the first as well: how often a card was used is one look at one index.
ALTER TABLE order_cards ADD COLUMN seq bigint;
UPDATE order_cards c SET seq = o.seq FROM orders o WHERE o.tenant = c.tenant AND o.id = c.order_id;
INSERT INTO order_cards (tenant, order_id, mark, placed_at, seq)
    SELECT tenant, id, card_mark, placed_at, seq FROM orders WHERE card_mark IS NOT NULL ON CONFLICT DO NOTHING;
DROP INDEX order_cards_mark;
CREATE INDEX order_cards_mark ON order_cards (tenant, mark, seq);
DROP INDEX orders_card;

-- Payments that were charged back are few; whose they are is looked up from them.
CREATE INDEX payments_disputed ON payments (tenant, order_id) WHERE disputed_at IS NOT NULL;
