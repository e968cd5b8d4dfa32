-- What invoices say that articles cost, by the numbers that stand on them: the seller's own, Amazon's, a supplier's. Which article a number
-- is of is looked up when it is valued: an invoice may come before the first report that names the article.
CREATE TABLE documented_costs (
    tenant      text NOT NULL,
    code        text NOT NULL,
    document_id uuid NOT NULL,
    currency    text NOT NULL,
    valid_from  date NOT NULL,
    unit_minor  bigint NOT NULL CHECK (unit_minor > 0),
    recorded_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, code, document_id, currency)
);
CREATE INDEX documented_costs_document ON documented_costs (tenant, document_id);

ALTER TABLE documented_costs ENABLE ROW LEVEL SECURITY;
ALTER TABLE documented_costs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON documented_costs USING (tenant = (SELECT current_setting('recoup.tenant', true)))
    WITH CHECK (tenant = (SELECT current_setting('recoup.tenant', true)));
-- A document that is gone documents nothing.
GRANT SELECT, INSERT, UPDATE, DELETE ON documented_costs TO claims_user;
