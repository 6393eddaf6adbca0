-- Who took an alert on, and until when. The alert itself holds the latest; the table all of them.
ALTER TABLE alerts ADD COLUMN acknowledged_until timestamptz;
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
