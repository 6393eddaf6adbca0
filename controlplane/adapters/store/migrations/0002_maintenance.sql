-- The action ledger, maintenance, and the daily roll-ups of objectives.
CREATE TABLE actions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    actor text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    at timestamptz NOT NULL,
    until timestamptz,
    outcome text NOT NULL CHECK (outcome IN ('running', 'succeeded', 'failed', 'interrupted')),
    CHECK ((outcome = 'running') = (until IS NULL))
);
CREATE INDEX actions_by_time ON actions (at DESC, id DESC);

-- Announced windows. key is chosen by whoever enters one, so that entering twice is entering once.
CREATE TABLE maintenance (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text NOT NULL UNIQUE,
    author text NOT NULL,
    reason text NOT NULL,
    services text[] NOT NULL,
    matchers jsonb NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    recurrence text,
    time_zone text NOT NULL,
    entered_at timestamptz NOT NULL,
    ended_at timestamptz,
    ended_by text,
    withdrawn boolean NOT NULL,
    CHECK (ends_at > starts_at),
    CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);

-- What was good, bad, unknown and excluded of an objective in one day of UTC.
CREATE TABLE slo_days (
    objective text NOT NULL,
    definition text NOT NULL,
    day date NOT NULL,
    unit text NOT NULL CHECK (unit IN ('seconds', 'events')),
    good double precision NOT NULL,
    bad double precision NOT NULL,
    known_seconds double precision NOT NULL,
    unknown_seconds double precision NOT NULL,
    excluded_seconds double precision NOT NULL,
    excluded_amount double precision NOT NULL,
    idle_seconds double precision NOT NULL,
    observed_seconds double precision NOT NULL,
    exclusions text NOT NULL,
    computed_at timestamptz NOT NULL,
    PRIMARY KEY (objective, definition, day)
);
