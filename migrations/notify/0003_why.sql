-- Why somebody did something; entries of before it was asked say nothing.
ALTER TABLE audit ADD COLUMN why text NOT NULL DEFAULT '';
CREATE INDEX audit_subject ON audit (tenant, subject, seq);
