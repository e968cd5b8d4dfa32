-- The key of a day under which the visitors of a tenant's links are told apart. Earlier days' are deleted when a new one is made.

CREATE TABLE link_visitor_keys (
    tenant text  NOT NULL,
    day    date  NOT NULL,
    key    bytea NOT NULL,
    PRIMARY KEY (tenant, day)
);

ALTER TABLE link_visitor_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE link_visitor_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON link_visitor_keys USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
GRANT SELECT, INSERT, DELETE ON link_visitor_keys TO tracking_user;

COMMENT ON COLUMN events.visitor IS
    'Digest of tenant and user id, or, of the click on a link, of address and user agent under a key of the day; neither is stored in clear.';
