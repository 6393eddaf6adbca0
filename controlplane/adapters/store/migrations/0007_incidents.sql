-- Incidents: what P0 and P1 alerts open, what joins them, what people write about them.
ALTER TABLE alerts
    ADD COLUMN acknowledged_at timestamptz,
    -- Number of its incident; '' when it was looked at and has none, NULL when nobody has looked yet.
    ADD COLUMN incident text;
UPDATE alerts SET acknowledged_at = (SELECT min(at) FROM alert_acks WHERE alert_id = alerts.id)
WHERE id IN (SELECT alert_id FROM alert_acks);
UPDATE alerts SET incident = '' WHERE state = 'resolved' AND priority IN ('P0', 'P1');
CREATE INDEX alerts_to_place ON alerts (starts_at, id) WHERE incident IS NULL AND priority IN ('P0', 'P1');
CREATE INDEX alerts_by_incident ON alerts (incident) WHERE incident IS NOT NULL AND incident <> '';

CREATE TABLE incidents (
    number text PRIMARY KEY,
    day date NOT NULL,
    sequence integer NOT NULL CHECK (sequence > 0),
    state text NOT NULL CHECK (state IN ('open', 'closed')),
    title text NOT NULL,
    title_zh text NOT NULL,
    priority text NOT NULL CHECK (priority IN ('P0', 'P1', 'P2', 'P3')),
    profile text NOT NULL,
    service text NOT NULL,
    began_at timestamptz NOT NULL,
    opened_at timestamptz NOT NULL,
    opened_by text NOT NULL,
    news_at timestamptz NOT NULL,
    firing boolean NOT NULL,
    alert_count integer NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    recovered_at timestamptz,
    closed_at timestamptz,
    closed_by text,
    close_reason text NOT NULL,
    timeline jsonb NOT NULL,
    UNIQUE (day, sequence),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
CREATE INDEX incidents_open ON incidents (began_at) WHERE state = 'open';
CREATE INDEX incidents_by_start ON incidents (began_at DESC);

-- The alerts of an incident, kept when the alerts themselves are too old to be. Beyond a thousand only counted.
CREATE TABLE incident_alerts (
    incident text NOT NULL REFERENCES incidents ON DELETE CASCADE,
    fingerprint text NOT NULL,
    starts_at timestamptz NOT NULL,
    name text NOT NULL,
    priority text NOT NULL,
    severity text NOT NULL,
    summary text NOT NULL,
    summary_zh text NOT NULL,
    labels jsonb NOT NULL,
    state text NOT NULL CHECK (state IN ('firing', 'resolved')),
    ends_at timestamptz,
    joined_at timestamptz NOT NULL,
    acknowledged_at timestamptz,
    acknowledged_by text,
    PRIMARY KEY (fingerprint, starts_at)
);
CREATE INDEX incident_alerts_by_incident ON incident_alerts (incident, starts_at);

-- What people write: notes, answers to the five whys, impact, actions to take, lessons.
CREATE TABLE incident_notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident text NOT NULL REFERENCES incidents ON DELETE CASCADE,
    key text NOT NULL UNIQUE,
    kind text NOT NULL CHECK (kind IN ('note', 'impact', 'why', 'action', 'lesson')),
    author text NOT NULL,
    text text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX incident_notes_by_incident ON incident_notes (incident, id);
