-- A warehouse may be a marketplace's own: it sends by itself, and refunded goods come back to it.

ALTER TABLE warehouses ADD COLUMN marketplace text;
