-- What of a refund is for goods, without tax and shipping: partners give back what they earned on that. Null of refunds from before.

ALTER TABLE refunds ADD COLUMN goods_minor bigint CHECK (goods_minor >= 0);
