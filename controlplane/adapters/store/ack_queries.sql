-- Named queries of acknowledgements.

-- name: acknowledge
WITH target AS (
    -- one that flaps can be taken on also while it is over for a moment
    SELECT id FROM alerts WHERE fingerprint = %(fingerprint)s AND (state = 'firing' OR EXISTS (
        SELECT FROM alert_flapping WHERE fingerprint = %(fingerprint)s AND ended_at IS NULL
    ))
    ORDER BY state, starts_at DESC LIMIT 1 FOR UPDATE
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
WITH held AS (
    SELECT alert.id, alert.state, alert.starts_at FROM alerts AS alert
    WHERE alert.fingerprint = %(fingerprint)s AND alert.acknowledged_until > %(at)s AND (
        alert.state = 'firing' OR EXISTS (
            SELECT FROM alert_flapping AS flapping WHERE flapping.fingerprint = alert.fingerprint
                AND flapping.ended_at IS NULL AND flapping.began_at <= alert.starts_at
        )
    )
    FOR UPDATE
), target AS (
    SELECT id FROM held ORDER BY state, starts_at DESC LIMIT 1
), noted AS (
    UPDATE alert_acks AS ack SET withdrawn_at = %(at)s
    FROM held WHERE ack.alert_id = held.id AND ack.withdrawn_at IS NULL AND ack.until > %(at)s
), earlier AS (
    UPDATE alerts AS alert SET acknowledged_by = NULL, acknowledged_until = NULL
    FROM held WHERE alert.id = held.id AND held.id NOT IN (SELECT id FROM target)
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
