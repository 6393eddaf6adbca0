-- The whole schema of the control plane's database, as the migrations build it.
-- A fresh database gets this file; a test proves that the migrations give the same.

CREATE TABLE schema_migrations (
    name text PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- One row for each alert: fingerprint plus start.
CREATE TABLE alerts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint text NOT NULL,
    starts_at timestamptz NOT NULL,
    name text NOT NULL,
    state text NOT NULL CHECK (state IN ('firing', 'resolved')),
    severity text NOT NULL,
    priority text NOT NULL CHECK (priority IN ('P0', 'P1', 'P2', 'P3')),
    ends_at timestamptz,
    received_at timestamptz NOT NULL,
    first_received_at timestamptz NOT NULL,
    firing_seen_at timestamptz,
    resolved_seen_at timestamptz,
    notifications bigint NOT NULL,
    labels jsonb NOT NULL,
    annotations jsonb NOT NULL,
    generator_url text NOT NULL,
    receiver text NOT NULL,
    group_key text NOT NULL,
    acknowledged_by text,
    -- Why it is over: said so, or a newer episode began, or Alertmanager knows it no more.
    end_reason text CHECK (end_reason IN ('notified', 'superseded', 'stale')),
    notified_end timestamptz,
    stale_seen_at timestamptz,
    stale_end timestamptz,
    acknowledged_until timestamptz,
    acknowledged_at timestamptz,
    -- Number of its incident; '' when it was looked at and has none, NULL when nobody has looked yet.
    incident text,
    UNIQUE (fingerprint, starts_at),
    CHECK ((state = 'resolved') = (ends_at IS NOT NULL))
);
CREATE INDEX alerts_in_list_order ON alerts (state, starts_at DESC, fingerprint);
CREATE INDEX alerts_by_receipt ON alerts (received_at);
-- Episodes that a newer one may end, or may have ended.
CREATE INDEX alerts_without_notified_end ON alerts (fingerprint, starts_at) WHERE end_reason IS DISTINCT FROM 'notified';
CREATE INDEX alerts_by_label ON alerts USING gin (labels jsonb_path_ops);
CREATE INDEX alerts_to_place ON alerts (starts_at, id) WHERE incident IS NULL AND priority IN ('P0', 'P1');
CREATE INDEX alerts_by_incident ON alerts (incident) WHERE incident IS NOT NULL AND incident <> '';

-- Every change of state of an alert; ``at`` is the sender's time, received_at ours.
CREATE TABLE alert_states (
    alert_id bigint NOT NULL REFERENCES alerts ON DELETE CASCADE,
    state text NOT NULL CHECK (state IN ('firing', 'resolved')),
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (alert_id, at, state)
);

-- How far each daemon's journal has been moved into the tables above.
CREATE TABLE journal_positions (
    journal_id text PRIMARY KEY,
    segment bigint NOT NULL,
    byte_offset bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now()
);

-- The job ledger: what ran, what was missed. One running entry a task is the task's lock.
CREATE TABLE job_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task text NOT NULL,
    scheduled_for timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    outcome text NOT NULL CHECK (outcome IN ('running', 'succeeded', 'failed', 'missed', 'interrupted')),
    detail text NOT NULL,
    trigger text NOT NULL CHECK (trigger IN ('schedule', 'catch_up', 'manual'))
);
CREATE UNIQUE INDEX job_runs_one_running_a_task ON job_runs (task) WHERE outcome = 'running';
CREATE INDEX job_runs_by_task ON job_runs (task, scheduled_for DESC, id DESC);
CREATE INDEX job_runs_by_time ON job_runs (scheduled_for);

-- Results of health checks, and the latest of each.
CREATE TABLE check_results (
    name text NOT NULL,
    checked_at timestamptz NOT NULL,
    kind text NOT NULL,
    state smallint NOT NULL CHECK (state BETWEEN 0 AND 3),
    raw_state smallint NOT NULL CHECK (raw_state BETWEEN 0 AND 3),
    message text NOT NULL,
    value double precision,
    unit text NOT NULL,
    warning double precision,
    critical double precision,
    duration_seconds double precision NOT NULL,
    state_since timestamptz NOT NULL,
    PRIMARY KEY (name, checked_at)
);
CREATE INDEX check_results_by_time ON check_results (checked_at);

CREATE TABLE check_states (
    name text PRIMARY KEY,
    checked_at timestamptz NOT NULL,
    kind text NOT NULL,
    state smallint NOT NULL CHECK (state BETWEEN 0 AND 3),
    raw_state smallint NOT NULL CHECK (raw_state BETWEEN 0 AND 3),
    message text NOT NULL,
    value double precision,
    unit text NOT NULL,
    warning double precision,
    critical double precision,
    duration_seconds double precision NOT NULL,
    state_since timestamptz NOT NULL
);

-- The action ledger: who did what, when, to what.
CREATE TABLE actions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    actor text NOT NULL,
    subject text NOT NULL,
    detail text NOT NULL,
    at timestamptz NOT NULL,
    until timestamptz,
    outcome text NOT NULL CHECK (outcome IN ('running', 'succeeded', 'failed', 'interrupted')),
    -- That of the maintenance it opened: whoever ends the window finishes the action, once.
    key text UNIQUE,
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

-- Changes of alerts that nobody was told of yet; written in the transaction that stores the change.
CREATE TABLE notification_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint text NOT NULL,
    heard_at timestamptz NOT NULL
);

-- What each receiver was last told of a fingerprint; due_at is when a held change is looked at again.
CREATE TABLE notification_knowledge (
    receiver text NOT NULL,
    fingerprint text NOT NULL,
    state text NOT NULL CHECK (state IN ('firing', 'resolved')),
    starts_at timestamptz NOT NULL,
    firing_told_at timestamptz NOT NULL,
    untold_changes integer NOT NULL,
    due_at timestamptz,
    flapping_since timestamptz,
    PRIMARY KEY (fingerprint, receiver)
);
CREATE INDEX notification_knowledge_due ON notification_knowledge (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notification_knowledge_by_time ON notification_knowledge (firing_told_at);

-- The outbox: a message is here before it is sent, its outcome after.
CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    receiver text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('alert', 'digest', 'escalation', 'canary', 'report')),
    status text NOT NULL CHECK (status IN ('pending', 'sending', 'delivered', 'folded', 'dead')),
    title text NOT NULL,
    body text NOT NULL,
    line text NOT NULL,
    priority text NOT NULL CHECK (priority IN ('P0', 'P1', 'P2', 'P3')),
    alert_count integer NOT NULL,
    fingerprints text[] NOT NULL,
    heard_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    not_before timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    started_at timestamptz,
    finished_at timestamptz,
    receipt text NOT NULL DEFAULT '',
    last_error text NOT NULL DEFAULT '',
    is_possible_repeat boolean NOT NULL DEFAULT false,
    folded_into bigint REFERENCES deliveries ON DELETE SET NULL
);
CREATE INDEX deliveries_open ON deliveries (receiver, not_before) WHERE status IN ('pending', 'sending');
CREATE INDEX deliveries_dead ON deliveries (receiver) WHERE status = 'dead';
CREATE INDEX deliveries_by_start ON deliveries (receiver, started_at) WHERE started_at IS NOT NULL;
CREATE INDEX deliveries_by_creation ON deliveries (created_at);
CREATE INDEX deliveries_by_fingerprint ON deliveries USING gin (fingerprints);
CREATE INDEX deliveries_by_digest ON deliveries (folded_into) WHERE folded_into IS NOT NULL;

-- SLA reports that are kept: one for each calendar unit, and its files in every format and language.
CREATE TABLE slo_reports (
    id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('day', 'week', 'month')),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('met', 'at_risk', 'missed', 'not_enough_data')),
    complete boolean NOT NULL,
    generated_at timestamptz NOT NULL,
    revision integer NOT NULL
);
CREATE INDEX slo_reports_by_end ON slo_reports (ends_at DESC, kind);

CREATE TABLE slo_report_files (
    report_id text NOT NULL REFERENCES slo_reports ON DELETE CASCADE,
    name text NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (report_id, name)
);

-- Reports that were sent: with its message in one transaction, so that nobody gets one for the same period twice.
CREATE TABLE slo_report_sendings (
    report_id text NOT NULL,
    receiver text NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (report_id, receiver)
);

-- Who took an alert on, and until when. The alert itself holds the latest; the table all of them.
CREATE TABLE alert_acks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id bigint NOT NULL REFERENCES alerts ON DELETE CASCADE,
    author text NOT NULL,
    note text NOT NULL,
    at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    withdrawn_at timestamptz
);
CREATE INDEX alert_acks_by_alert ON alert_acks (alert_id, at);

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

-- Incidents: what P0 and P1 alerts open, what joins them, what people write about them.
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

-- Which daemon was active last, so that the next one knows whether somebody else may still believe to be.
CREATE TABLE active_daemon (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    instance text NOT NULL,
    since timestamptz NOT NULL,
    ended_at timestamptz
);

-- Drills of restoring. The history beside the backups has them, too, and is the one that survives this database.
CREATE TABLE backup_drills (
    id text PRIMARY KEY,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('passed', 'failed', 'interrupted')),
    set_id text,
    rpo_seconds double precision,
    rto_seconds double precision,
    report jsonb NOT NULL
);
CREATE INDEX backup_drills_by_time ON backup_drills (started_at);

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

-- Times in which an alert flaps; one without an end at a time.
CREATE TABLE alert_flapping (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint text NOT NULL,
    began_at timestamptz NOT NULL,
    recognised_at timestamptz NOT NULL,
    last_start_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    fires integer NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX alert_flapping_now ON alert_flapping (fingerprint) WHERE ended_at IS NULL;
CREATE INDEX alert_flapping_by_alert ON alert_flapping (fingerprint, id);
CREATE INDEX alert_flapping_by_end ON alert_flapping (ended_at) WHERE ended_at IS NOT NULL;
