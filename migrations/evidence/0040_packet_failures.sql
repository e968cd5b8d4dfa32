-- A packet that could not be sealed: why, until a person has it tried again. Its contents may have been fixed before (then its row in packets
-- says `sealing` and keeps its place in the chain), or there is no such row yet.
CREATE TABLE packet_failures (
    tenant      text NOT NULL,
    packet_id   uuid NOT NULL,
    seq         bigint NOT NULL DEFAULT nextval('packets_seq_seq'), -- its place among the packets while it is none
    request_id  uuid NOT NULL,
    claim       text NOT NULL,
    draft       boolean NOT NULL,
    code        text NOT NULL,
    reason      text NOT NULL,
    failures    integer NOT NULL DEFAULT 1,                         -- each was told: counts the packet's events
    failed_at   timestamptz NOT NULL,
    retried_at  timestamptz,                                        -- since then it is tried again
    retried_by  text,
    correlation uuid NOT NULL,
    PRIMARY KEY (tenant, packet_id),
    FOREIGN KEY (tenant, request_id) REFERENCES proof_requests (tenant, id)
);
CREATE INDEX packet_failures_newest ON packet_failures (tenant, seq);

ALTER TABLE packet_failures ENABLE ROW LEVEL SECURITY;
ALTER TABLE packet_failures FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON packet_failures USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT, UPDATE, DELETE ON packet_failures TO evidence_user;
GRANT USAGE ON SEQUENCE packets_seq_seq TO evidence_user;

-- Packets as they are shown: those that are fixed, and those that could not be.
CREATE VIEW packets_shown WITH (security_invoker = true) AS
SELECT p.tenant, p.id AS packet_id, p.request_id, p.claim, CASE WHEN f.packet_id IS NULL THEN p.state::text ELSE 'failed' END AS state, p.draft,
       p.addendum_to, p.position, p.manifest_sha256, p.merkle_root, p.key_id, p.sha256, p.bytes, p.created_at, p.retained_until, p.seq,
       f.code AS failure_code, f.reason AS failure_reason, f.failed_at
FROM packets p
LEFT JOIN packet_failures f ON f.tenant = p.tenant AND f.packet_id = p.id AND f.retried_at IS NULL AND p.state = 'sealing'
UNION ALL
SELECT f.tenant, f.packet_id, f.request_id, f.claim, CASE WHEN f.retried_at IS NULL THEN 'failed' ELSE 'sealing' END, f.draft,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, f.failed_at, NULL, f.seq,
       CASE WHEN f.retried_at IS NULL THEN f.code END, CASE WHEN f.retried_at IS NULL THEN f.reason END,
       CASE WHEN f.retried_at IS NULL THEN f.failed_at END
FROM packet_failures f
WHERE NOT EXISTS (SELECT FROM packets p WHERE p.tenant = f.tenant AND p.id = f.packet_id);
GRANT SELECT ON packets_shown TO evidence_user;

-- What waits for proof, by kind of claim: it is judged again when the gate opens or another model decides.
CREATE INDEX proof_requests_waiting ON proof_requests (tenant, claim_type, seq) WHERE state = 'open';
