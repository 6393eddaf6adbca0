-- Live anomaly detection: what was learnt, what was found, what people said of it.

CREATE TABLE anomaly_watches (
    name text PRIMARY KEY,
    digest text NOT NULL,
    through timestamptz NOT NULL,
    saved_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE anomaly_series (
    id text PRIMARY KEY,
    watch text NOT NULL REFERENCES anomaly_watches ON DELETE CASCADE,
    labels jsonb NOT NULL,
    state bytea NOT NULL CHECK (length(state) <= 8192),
    track jsonb NOT NULL
);
CREATE INDEX anomaly_series_by_watch ON anomaly_series (watch);

CREATE TABLE anomaly_episodes (
    id text PRIMARY KEY,
    series_id text NOT NULL,
    watch text NOT NULL,
    labels jsonb NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    facts jsonb NOT NULL
);
CREATE INDEX anomaly_episodes_by_start ON anomaly_episodes (started_at DESC, id);
CREATE INDEX anomaly_episodes_open ON anomaly_episodes (started_at) WHERE ended_at IS NULL;

-- Every verdict ever given; one a time stands on an episode.
CREATE TABLE anomaly_feedback (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    episode_id text NOT NULL,
    series_id text NOT NULL,
    family text NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('fine', 'real')),
    given_by text NOT NULL,
    given_at timestamptz NOT NULL,
    note text NOT NULL,
    undone_by text,
    undone_at timestamptz,
    CHECK ((undone_by IS NULL) = (undone_at IS NULL))
);
CREATE UNIQUE INDEX anomaly_feedback_one_stands ON anomaly_feedback (episode_id) WHERE undone_at IS NULL;
