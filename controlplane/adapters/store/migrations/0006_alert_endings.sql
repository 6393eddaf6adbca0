-- Why an alert is over, and what each kind of notification said of its end.
ALTER TABLE alerts
    ADD COLUMN end_reason text CHECK (end_reason IN ('notified', 'superseded', 'stale')),
    ADD COLUMN notified_end timestamptz,
    ADD COLUMN stale_seen_at timestamptz,
    ADD COLUMN stale_end timestamptz;
UPDATE alerts SET end_reason = 'notified', notified_end = ends_at WHERE state = 'resolved';
CREATE INDEX alerts_without_notified_end ON alerts (fingerprint, starts_at) WHERE end_reason IS DISTINCT FROM 'notified';
-- Alerts that were left firing although a newer episode of the same fingerprint began.
WITH ended AS (
    UPDATE alerts AS old
    SET state = 'resolved', end_reason = 'superseded',
        ends_at = (
            SELECT min(starts_at) FROM alerts AS newer
            WHERE newer.fingerprint = old.fingerprint AND newer.starts_at > old.starts_at
        )
    WHERE old.state = 'firing' AND EXISTS (
        SELECT FROM alerts AS newer WHERE newer.fingerprint = old.fingerprint AND newer.starts_at > old.starts_at
            AND (old.firing_seen_at > newer.first_received_at + interval '5 minutes') IS NOT TRUE
    )
    RETURNING old.id, old.ends_at
)
INSERT INTO alert_states (alert_id, state, at, received_at)
SELECT id, 'resolved', ends_at, now() FROM ended
ON CONFLICT DO NOTHING;
