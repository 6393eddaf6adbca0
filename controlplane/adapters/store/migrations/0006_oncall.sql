-- Escalations that were made: the transaction that writes one records its messages, too.
CREATE TABLE escalation_steps (
    alert_id bigint NOT NULL REFERENCES alerts ON DELETE CASCADE,
    waiting_since timestamptz NOT NULL,
    step integer NOT NULL,
    due_at timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    people text[] NOT NULL,
    PRIMARY KEY (alert_id, waiting_since, step)
);

-- Who stands in for whoever the rotation names.
CREATE TABLE oncall_overrides (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    schedule text NOT NULL,
    person text NOT NULL,
    author text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    entered_at timestamptz NOT NULL,
    CHECK (ends_at > starts_at)
);
CREATE INDEX oncall_overrides_by_end ON oncall_overrides (ends_at);
