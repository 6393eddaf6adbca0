-- Named queries of acknowledgements.

-- name: acknowledge
WITH target AS (
    SELECT id FROM alerts WHERE fingerprint = %(fingerprint)s AND state = 'firing'
    ORDER BY starts_at DESC LIMIT 1 FOR UPDATE
), noted AS (
    INSERT INTO alert_acks (alert_id, author, note, at, until)
    SELECT id, %(author)s, %(note)s, %(at)s, %(until)s FROM target
)
UPDATE alerts AS alert SET acknowledged_by = %(author)s, acknowledged_until = %(until)s,
    acknowledged_at = coalesce(acknowledged_at, %(at)s)
FROM target WHERE alert.id = target.id
RETURNING fingerprint, name, state, severity, priority, starts_at, ends_at, received_at, labels, annotations,
    generator_url, receiver, group_key, acknowledged_by, end_reason, acknowledged_until,
    acknowledged_at, nullif(incident, '') AS incident

-- name: unacknowledge
WITH target AS (
    SELECT id FROM alerts
    WHERE fingerprint = %(fingerprint)s AND state = 'firing' AND acknowledged_until > %(at)s
    ORDER BY starts_at DESC LIMIT 1 FOR UPDATE
), noted AS (
    UPDATE alert_acks AS ack SET withdrawn_at = %(at)s
    FROM target WHERE ack.alert_id = target.id AND ack.withdrawn_at IS NULL AND ack.until > %(at)s
)
UPDATE alerts AS alert SET acknowledged_by = NULL, acknowledged_until = NULL
FROM target WHERE alert.id = target.id
RETURNING fingerprint, name, state, severity, priority, starts_at, ends_at, received_at, labels, annotations,
    generator_url, receiver, group_key, acknowledged_by, end_reason, acknowledged_until,
    acknowledged_at, nullif(incident, '') AS incident

-- name: noted_alerts
-- What people did about the alerts that fire.
SELECT fingerprint, starts_at, CASE WHEN acknowledged_until > now() THEN acknowledged_by END AS acknowledged_by,
    CASE WHEN acknowledged_until > now() THEN acknowledged_until END AS acknowledged_until, acknowledged_at,
    nullif(incident, '') AS incident
FROM alerts WHERE state = 'firing' AND (acknowledged_at IS NOT NULL OR incident <> '')
ORDER BY starts_at DESC
LIMIT %(limit)s
