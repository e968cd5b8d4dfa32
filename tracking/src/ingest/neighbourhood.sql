-- Each part finds ids by one index; the rows are fetched at the end. LATERAL with a limit bounds what one event can cause. OFFSET 0 keeps the
-- planner from turning the last step into a join that begins with the whole table: a plan made while the table was young stays in use.
WITH found AS (
    SELECT id FROM unnest($2::uuid[]) AS wanted (id)
    UNION
    SELECT near.id
    FROM unnest($3::uuid[], $4::timestamptz[], $5::timestamptz[]) AS wanted (visitor, since, until)
    CROSS JOIN LATERAL (
        SELECT id FROM events
        WHERE visitor = wanted.visitor AND type = 'click' AND occurred_at BETWEEN wanted.since AND wanted.until
        ORDER BY occurred_at DESC, id DESC
        LIMIT $6
    ) AS near
    UNION
    SELECT near.id
    FROM unnest($7::uuid[], $8::timestamptz[], $9::timestamptz[]) AS wanted (visitor, since, until)
    CROSS JOIN LATERAL (
        SELECT id FROM events
        WHERE visitor = wanted.visitor AND type IN ('lead', 'purchase') AND partner IS NULL
          AND occurred_at BETWEEN wanted.since AND wanted.until
        ORDER BY occurred_at, id
        LIMIT $10
    ) AS near
    UNION
    SELECT near.id
    FROM unnest($11::text[]) AS wanted (click_id)
    CROSS JOIN LATERAL (
        SELECT id FROM events
        WHERE tenant = $1 AND click_id = wanted.click_id AND type IN ('click', 'lead', 'purchase')
        ORDER BY received_at, id
        LIMIT $12
    ) AS near
    UNION
    SELECT near.id
    FROM unnest($13::text[]) AS wanted (order_id)
    CROSS JOIN LATERAL (
        SELECT id FROM events
        WHERE tenant = $1 AND order_id = wanted.order_id AND (type = 'purchase' OR state = 'pending')
        ORDER BY (type = 'purchase' AND duplicate_of IS NULL) DESC, received_at, id
        LIMIT $14
    ) AS near
    UNION
    SELECT near.id
    FROM unnest($15::uuid[]) AS wanted (purchase)
    CROSS JOIN LATERAL (
        SELECT id FROM events WHERE refers_to = wanted.purchase AND state = 'pending' LIMIT $14
    ) AS near
    UNION
    SELECT near.id
    FROM unnest($16::uuid[], $17::timestamptz[], $18::timestamptz[]) AS wanted (click, since, until)
    CROSS JOIN LATERAL (SELECT visitor FROM events WHERE id = wanted.click AND type = 'click' OFFSET 0) AS named
    CROSS JOIN LATERAL (
        SELECT id FROM events
        WHERE visitor = named.visitor AND type = 'click' AND occurred_at BETWEEN wanted.since AND wanted.until
        ORDER BY occurred_at DESC, id DESC
        LIMIT $6
    ) AS near
)
SELECT near.id, near.type AS "kind!", near.visitor, near.click_id, near.partner, near.campaign, near.coupon, near.order_id,
       near.amount_minor, near.currency, near.occurred_at, near.received_at, near.refers_to, near.state, near.campaign_id,
       near.rules_version, near.revision, near.touchpoints AS "touchpoints: Json<Vec<Touchpoint>>", near.reason,
       near.duplicate_of, near.refunded_minor, near.version
FROM found
CROSS JOIN LATERAL (SELECT * FROM events WHERE events.id = found.id OFFSET 0) AS near
