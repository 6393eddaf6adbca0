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
    PRIMARY KEY (fingerprint, receiver)
);
CREATE INDEX notification_knowledge_due ON notification_knowledge (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX notification_knowledge_by_time ON notification_knowledge (firing_told_at);

-- The outbox: a message is here before it is sent, its outcome after.
CREATE TABLE deliveries (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    receiver text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('alert', 'digest', 'escalation', 'canary')),
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
