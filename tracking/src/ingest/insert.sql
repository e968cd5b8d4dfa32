INSERT INTO events (tenant, id, type, source, event_id, visitor, click_id, link, partner, campaign, coupon, order_id, amount_minor, currency,
                    occurred_at, received_at, metadata, refers_to, state, campaign_id, rules_version, revision, touchpoints, reason,
                    duplicate_of, refunded_minor, version)
SELECT $1, id, type, source, event_id, visitor, click_id, link, partner, campaign, coupon, order_id, amount_minor, currency,
       occurred_at, received_at, metadata::json, refers_to, state, campaign_id, rules_version, revision, touchpoints::jsonb, reason,
       duplicate_of, refunded_minor, version
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::uuid[], $11::text[],
            $12::text[], $13::bigint[], $14::text[], $15::timestamptz[], $16::timestamptz[], $17::text[], $18::uuid[], $19::text[],
            $20::uuid[], $21::int[], $22::int[], $23::text[], $24::text[], $25::uuid[], $26::bigint[], $27::bigint[])
     AS new (id, type, source, event_id, visitor, click_id, link, partner, campaign, coupon, order_id, amount_minor, currency,
             occurred_at, received_at, metadata, refers_to, state, campaign_id, rules_version, revision, touchpoints, reason,
             duplicate_of, refunded_minor, version)
ON CONFLICT (id) DO NOTHING
