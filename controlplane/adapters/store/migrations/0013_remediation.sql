-- Remedies that were tried by themselves. One runs at a time, whichever control plane runs it: the index is the lock.
CREATE TABLE remediations (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    remedy text NOT NULL,
    fingerprint text NOT NULL,
    alert text NOT NULL,
    incident text,
    deed text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('running', 'succeeded', 'failed', 'interrupted', 'would_run')),
    detail text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    owner text NOT NULL,
    ends_by timestamptz NOT NULL,
    action_id bigint,
    CHECK ((outcome = 'running') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX remediations_one_running ON remediations ((true)) WHERE outcome = 'running';
CREATE INDEX remediations_by_start ON remediations (started_at DESC);
