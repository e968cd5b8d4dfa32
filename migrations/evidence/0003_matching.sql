-- What was decided about pairs of request and document, the labels that came of it, and the models that learn from them.

CREATE TYPE match_decision AS ENUM ('automatic', 'prompt', 'none');
CREATE TYPE match_end AS ENUM ('proved', 'refused');
CREATE TYPE label_source AS ENUM ('prompt', 'outcome', 'import');
CREATE TYPE model_state AS ENUM ('training', 'shadow', 'active', 'retired', 'failed');

-- Every decision. A new one about a pair makes the one before it history (latest = false); nothing is written when nothing changed.
CREATE TABLE matches (
    tenant         text NOT NULL,
    id             uuid NOT NULL,
    seq            bigint GENERATED ALWAYS AS IDENTITY,
    request_id     uuid NOT NULL,
    document_id    uuid NOT NULL,
    line           integer,          -- counted from 1
    claim_type     text NOT NULL,
    model_version  text NOT NULL,
    parser         text NOT NULL,    -- of the reading that was judged
    parser_version integer NOT NULL,
    shadow         boolean NOT NULL, -- what a model in shadow would have decided; nothing came of it
    latest         boolean NOT NULL DEFAULT true,
    rule           text NOT NULL,
    vector         jsonb NOT NULL,
    weights        jsonb NOT NULL,
    raw_score      double precision NOT NULL,
    probability    double precision NOT NULL,
    gate_open      boolean NOT NULL,
    gate_reason    text NOT NULL,
    decision       match_decision NOT NULL,
    why            text NOT NULL,    -- sure, gate, rival, quantity, unsure, low, better, proved
    explanation    text NOT NULL,
    decided_by     text NOT NULL,    -- model, or the person who answered
    ended          match_end,        -- proved by it, or refused by a person
    ended_at       timestamptz,
    reasoning      text,
    prompt_id      uuid,
    decided_at     timestamptz NOT NULL,
    cause          uuid,
    correlation    uuid NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, request_id) REFERENCES proof_requests (tenant, id),
    FOREIGN KEY (tenant, document_id) REFERENCES documents (tenant, id)
);
CREATE UNIQUE INDEX matches_pair ON matches (tenant, request_id, document_id) WHERE latest AND NOT shadow;
CREATE UNIQUE INDEX matches_shadow ON matches (tenant, request_id, document_id, model_version) WHERE latest AND shadow;
CREATE INDEX matches_newest ON matches (tenant, request_id, seq);
CREATE INDEX matches_document ON matches (tenant, document_id) WHERE ended = 'proved';

-- Pairs whose truth is known, as they were when it became known: a model is trained on what could be seen then.
CREATE TABLE labels (
    tenant      text NOT NULL,
    id          uuid NOT NULL,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    claim_type  text NOT NULL,
    source      label_source NOT NULL,
    request_id  uuid,
    document_id uuid,
    import_id   uuid,
    subject     jsonb NOT NULL,
    facts       jsonb NOT NULL,
    proved      boolean NOT NULL,
    held_out    boolean NOT NULL, -- by a hash of subject and facts: never trained on
    said_by     text NOT NULL,
    said_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX labels_newest ON labels (tenant, claim_type, seq);

-- Trained models. No row is active while the fixed rules decide.
CREATE TABLE models (
    tenant       text NOT NULL,
    id           uuid NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    claim_type   text NOT NULL,
    version      text NOT NULL,   -- names it in every decision
    kind         text,            -- rules, fields or learned
    state        model_state NOT NULL,
    body         bytea,           -- the model, as JSON
    previous     uuid,            -- which was active before it; none = the fixed rules
    labels_seen  bigint NOT NULL, -- labels of the claim type when it was asked for
    trained_on   integer,
    metrics      jsonb,           -- on held-out labels, when it was trained
    explanation  text,
    requested_by text,
    requested_at timestamptz NOT NULL,
    trained_at   timestamptz,
    promoted_at  timestamptz,
    retired_at   timestamptz,
    events       integer NOT NULL DEFAULT 0,
    cause        uuid,
    correlation  uuid NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX models_active ON models (tenant, claim_type) WHERE state = 'active';
CREATE UNIQUE INDEX models_shadow ON models (tenant, claim_type) WHERE state = 'shadow';
CREATE INDEX models_newest ON models (tenant, seq);

-- Whether a model may act by itself, judged again whenever a label comes.
CREATE TABLE gates (
    tenant        text NOT NULL,
    claim_type    text NOT NULL,
    model_version text NOT NULL,
    gate          jsonb NOT NULL, -- open, wilson_low, ece, automatic, labels
    metrics       jsonb NOT NULL,
    judged_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant, claim_type, model_version)
);

-- Candidates by amount; the other lookups have theirs.
CREATE INDEX readings_gross ON readings (tenant, currency, gross_minor);

DO $$
DECLARE
    business text;
BEGIN
    FOREACH business IN ARRAY ARRAY['matches', 'labels', 'models', 'gates'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', business);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', business);
        EXECUTE format('CREATE POLICY tenant_only ON %I USING (tenant = (SELECT current_setting(''recoup.tenant'', true))) '
                       'WITH CHECK (tenant = (SELECT current_setting(''recoup.tenant'', true)))', business);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO evidence_user', business);
    END LOOP;
END $$;
