-- Named queries of alerts that flap.

-- name: flapping_candidates
-- The latest episodes of those fingerprints that flap, or that began often enough in the window to be looked at.
SELECT fingerprint, episode.starts_at, episode.first_received_at AS heard_at, episode.changed_at, episode.ends_at,
    episode.end_reason IS NOT DISTINCT FROM 'superseded' AS is_superseded
FROM unnest(%(fingerprints)s::text[]) AS wanted (fingerprint)
CROSS JOIN LATERAL (
    SELECT alert.starts_at, alert.first_received_at, alert.ends_at, alert.end_reason,
        greatest(alert.first_received_at,
            (SELECT max(received_at) FROM alert_states WHERE alert_id = alert.id)) AS changed_at
    FROM alerts AS alert WHERE alert.fingerprint = wanted.fingerprint
    ORDER BY alert.starts_at DESC LIMIT 3 * %(fires)s
) AS episode
WHERE EXISTS (SELECT FROM alert_flapping AS now WHERE now.fingerprint = wanted.fingerprint AND now.ended_at IS NULL)
    OR (
        SELECT first_received_at FROM alerts WHERE fingerprint = wanted.fingerprint
        ORDER BY starts_at DESC OFFSET %(fires)s - 1 LIMIT 1
    ) >= (
        SELECT first_received_at FROM alerts WHERE fingerprint = wanted.fingerprint ORDER BY starts_at DESC LIMIT 1
    ) - %(window)s::interval

-- name: latest_flapping
SELECT DISTINCT ON (fingerprint) fingerprint, began_at, recognised_at, last_start_at, changed_at, fires, ended_at
FROM alert_flapping WHERE fingerprint = ANY(%(fingerprints)s)
ORDER BY fingerprint, id DESC

-- name: write_flapping
INSERT INTO alert_flapping (fingerprint, began_at, recognised_at, last_start_at, changed_at, fires)
VALUES (%(fingerprint)s, %(began_at)s, %(recognised_at)s, %(last_start_at)s, %(changed_at)s, %(fires)s)
ON CONFLICT (fingerprint) WHERE ended_at IS NULL DO UPDATE
SET last_start_at = excluded.last_start_at, changed_at = excluded.changed_at, fires = excluded.fires

-- name: carry_acknowledgement
-- Whoever took an alert on that flaps has its next episodes, too.
UPDATE alerts AS alert SET acknowledged_by = held.acknowledged_by, acknowledged_until = held.acknowledged_until,
    acknowledged_at = held.acknowledged_at
FROM (
    SELECT before.acknowledged_by, before.acknowledged_until, before.acknowledged_at FROM alerts AS before
    WHERE before.fingerprint = %(fingerprint)s AND before.starts_at >= %(began_at)s
        AND before.starts_at < %(last_start_at)s
    ORDER BY before.starts_at DESC LIMIT 1
) AS held
WHERE alert.fingerprint = %(fingerprint)s AND alert.starts_at = %(last_start_at)s
    AND held.acknowledged_until > alert.first_received_at AND alert.acknowledged_until IS NULL

-- name: pull_back_flapping
-- The clock has stepped back: nobody shall wait until it has caught up.
UPDATE alert_flapping SET changed_at = %(now)s WHERE ended_at IS NULL AND changed_at > %(now)s + interval '1 minute'

-- name: end_flapping
WITH calm AS (
    UPDATE alert_flapping SET ended_at = %(now)s
    WHERE ended_at IS NULL AND changed_at <= %(now)s - %(calm)s::interval
    RETURNING fingerprint
), noted AS (
    INSERT INTO notification_events (fingerprint, heard_at)
    SELECT fingerprint, %(now)s FROM calm WHERE %(notes_events)s
)
SELECT fingerprint FROM calm

-- name: count_flapping
SELECT count(*) FROM alert_flapping WHERE ended_at IS NULL

-- name: delete_old_flapping
DELETE FROM alert_flapping WHERE ended_at < %(before)s
