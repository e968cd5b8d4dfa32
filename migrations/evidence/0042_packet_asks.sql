-- Packets that were asked for, and which packet tells what was asked: asking again while nothing has happened leads to the packet that is
-- there, under either id.
CREATE TABLE packet_asks (
    tenant       text NOT NULL,
    asked        uuid NOT NULL,                 -- the id that the asker was told
    request_id   uuid NOT NULL,
    packet_id    uuid NOT NULL,
    draft        boolean NOT NULL,
    facts_sha256 text,                          -- what a draft was asked to tell
    asked_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant, asked),
    FOREIGN KEY (tenant, request_id) REFERENCES proof_requests (tenant, id)
);
CREATE INDEX packet_asks_facts ON packet_asks (tenant, request_id, facts_sha256) WHERE draft;

ALTER TABLE packet_asks ENABLE ROW LEVEL SECURITY;
ALTER TABLE packet_asks FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON packet_asks USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT ON packet_asks TO evidence_user;
