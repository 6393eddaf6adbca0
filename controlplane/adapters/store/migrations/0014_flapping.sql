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
-- That a receiver was told that an alert flaps: since when it does.
ALTER TABLE notification_knowledge ADD COLUMN flapping_since timestamptz;
