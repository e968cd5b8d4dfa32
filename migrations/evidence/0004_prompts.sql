-- Questions to people, and what they answered.

CREATE TYPE prompt_state AS ENUM ('pending', 'answered', 'expired', 'cancelled');

CREATE TABLE prompts (
    tenant          text NOT NULL,
    id              uuid NOT NULL,
    seq             bigint GENERATED ALWAYS AS IDENTITY,
    request_id      uuid NOT NULL,
    asked           text NOT NULL,
    asked_by        text,          -- absent = the matcher asks
    question        text NOT NULL,
    options         jsonb NOT NULL,
    state           prompt_state NOT NULL,
    asked_at        timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    reminded_at     timestamptz,
    selected_option text,
    reasoning       text,
    answered_by     text,
    answered_at     timestamptz,   -- when the answer came in, not when it was handled
    cancelled_at    timestamptz,
    reason          text,          -- why it was cancelled
    cause           uuid,
    correlation     uuid NOT NULL,
    version         integer NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, request_id) REFERENCES proof_requests (tenant, id),
    CHECK ((state = 'answered') = (selected_option IS NOT NULL)),
    CHECK ((state = 'answered') = (answered_at IS NOT NULL))
);
CREATE INDEX prompts_newest ON prompts (tenant, seq);
CREATE INDEX prompts_asked ON prompts (tenant, asked, seq);
CREATE INDEX prompts_request ON prompts (tenant, request_id);

-- The documents that a prompt is about, and the option that means each; a question in somebody's own words has none.
CREATE TABLE prompt_documents (
    tenant      text NOT NULL,
    prompt_id   uuid NOT NULL,
    document_id uuid NOT NULL,
    request_id  uuid NOT NULL,
    option      text NOT NULL,
    probability double precision NOT NULL,
    open        boolean NOT NULL, -- as long as the prompt is pending
    PRIMARY KEY (tenant, prompt_id, document_id),
    FOREIGN KEY (tenant, prompt_id) REFERENCES prompts (tenant, id),
    FOREIGN KEY (tenant, document_id) REFERENCES documents (tenant, id)
);
-- Nobody is asked twice at a time whether a document proves a request.
CREATE UNIQUE INDEX prompt_documents_open ON prompt_documents (tenant, request_id, document_id) WHERE open;
CREATE INDEX prompt_documents_document ON prompt_documents (tenant, document_id);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['prompts', 'prompt_documents'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
    END LOOP;
    GRANT SELECT, INSERT, UPDATE ON prompts, prompt_documents TO evidence_user;
END $$;
