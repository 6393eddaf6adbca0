-- The schema of the memory server as a fresh database gets it. Change it together with a new file in migrations/;
-- a test proves that both ways end in the same database.

CREATE TABLE sessions (
    id text PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE memories (
    id uuid PRIMARY KEY,
    session_id text NOT NULL REFERENCES sessions (id),
    kind text NOT NULL,
    content text NOT NULL,
    metadata jsonb NOT NULL,
    content_hash bytea NOT NULL,
    terms tsvector NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE UNIQUE INDEX memories_content_key ON memories (session_id, kind, content_hash);
CREATE INDEX memories_created_at_idx ON memories (created_at);
CREATE INDEX memories_session_created_at_idx ON memories (session_id, created_at);
-- Without fastupdate a search never has to read a list of entries still to be merged.
CREATE INDEX memories_terms_idx ON memories USING gin (terms) WITH (fastupdate = off);

-- Vector work still to be done: write the vector of a memory, or remove that of a deleted one.
CREATE TABLE vector_outbox (
    memory_id uuid PRIMARY KEY,
    deleted boolean NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX vector_outbox_changed_at_idx ON vector_outbox (changed_at);

-- The set of vectors that the outbox refers to; at most one row.
CREATE TABLE vector_collection (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    model text NOT NULL,
    dimension integer NOT NULL,
    generation uuid NOT NULL
);
