-- Named queries of incidents.

-- name: lock_incidents
SELECT pg_advisory_xact_lock(%(key)s)

-- name: alerts_to_place
-- Skipping what somebody else holds: waiting for it while holding others could end in a deadlock.
SELECT id, fingerprint, name, state, severity, priority, starts_at, ends_at, received_at, labels, annotations,
    generator_url, receiver, group_key
FROM alerts
WHERE incident IS NULL AND priority IN ('P0', 'P1')
ORDER BY starts_at, id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: related_alerts
-- Less urgent alerts of a service that has an open incident.
SELECT alert.id, alert.fingerprint, alert.name, alert.state, alert.severity, alert.priority, alert.starts_at,
    alert.ends_at, alert.received_at, alert.labels, alert.annotations, alert.generator_url, alert.receiver,
    alert.group_key
FROM incidents AS incident
JOIN alerts AS alert ON alert.labels @> jsonb_build_object('service', incident.service)
WHERE incident.state = 'open' AND incident.alert_count < %(most)s
    AND alert.incident IS NULL AND alert.priority IN ('P2', 'P3') AND alert.state = 'firing'
    AND alert.starts_at >= incident.began_at - %(join_window)s::interval
    AND (incident.firing OR alert.starts_at <= incident.news_at + %(join_window)s::interval)
    AND coalesce(alert.labels ->> 'profile', %(profile)s) = incident.profile
    AND alert.name <> %(except_name)s
ORDER BY alert.starts_at, alert.id
LIMIT %(limit)s
FOR UPDATE OF alert SKIP LOCKED

-- name: open_incidents
SELECT number, state, title, title_zh, priority, profile, service, began_at, opened_at, opened_by, news_at, firing,
    alert_count, acknowledged_at, acknowledged_by, recovered_at, closed_at, closed_by, close_reason
FROM incidents WHERE state = 'open' ORDER BY began_at
FOR UPDATE

-- name: add_incident
-- The next number of the day. Whoever holds the lock of incidents is alone here, so that no number is left out.
INSERT INTO incidents (number, day, sequence, state, title, title_zh, priority, profile, service, began_at, opened_at,
    opened_by, news_at, firing, alert_count, close_reason, timeline)
SELECT 'INC-' || to_char(%(day)s::date, 'YYYYMMDD') || '-' || CASE WHEN next.sequence < 1000
        THEN lpad(next.sequence::text, 3, '0') ELSE next.sequence::text END,
    %(day)s, next.sequence, 'open', %(title)s, %(title_zh)s, %(priority)s, %(profile)s, %(service)s, %(began_at)s,
    %(opened_at)s, %(opened_by)s, %(news_at)s, %(firing)s, 0, '', '[]'
FROM (SELECT coalesce(max(sequence), 0) + 1 AS sequence FROM incidents WHERE day = %(day)s) AS next
RETURNING number

-- name: join_incident
-- An alert has one incident for good; details are kept of the first of them, the others are counted.
WITH taken AS (
    UPDATE alerts SET incident = %(number)s WHERE id = ANY(%(ids)s) AND incident IS NULL
    RETURNING fingerprint, starts_at, name, priority, severity, annotations, labels, state, ends_at, acknowledged_at,
        acknowledged_by
), counted AS (
    UPDATE incidents SET alert_count = alert_count + (SELECT count(*) FROM taken) WHERE number = %(number)s
)
INSERT INTO incident_alerts (incident, fingerprint, starts_at, name, priority, severity, summary, summary_zh, labels,
    state, ends_at, joined_at, acknowledged_at, acknowledged_by)
SELECT %(number)s, fingerprint, starts_at, name, priority, severity, left(coalesce(annotations ->> 'summary', ''), 500),
    left(coalesce(annotations ->> 'summary_zh', ''), 500), labels, state, ends_at, %(now)s, acknowledged_at,
    acknowledged_by
FROM taken
ORDER BY priority, starts_at
LIMIT greatest(0, %(most)s - (SELECT count(*) FROM incident_alerts WHERE incident = %(number)s))
ON CONFLICT DO NOTHING

-- name: follow_alerts
-- What became of the alerts of incidents that are open, or were closed of late.
UPDATE incident_alerts AS member
SET state = alert.state, ends_at = alert.ends_at, priority = alert.priority, acknowledged_at = alert.acknowledged_at,
    acknowledged_by = coalesce(alert.acknowledged_by, member.acknowledged_by)
FROM alerts AS alert, incidents AS incident
WHERE incident.number = member.incident AND incident.state = 'open'
    AND alert.fingerprint = member.fingerprint AND alert.starts_at = member.starts_at
    AND (member.state, member.ends_at, member.priority, member.acknowledged_at)
        IS DISTINCT FROM (alert.state, alert.ends_at, alert.priority, alert.acknowledged_at)

-- name: reopen_refired
-- An alert that had ended when its incident was closed fires again: the same alert, so the same incident.
UPDATE incidents AS incident SET state = 'open', closed_at = NULL, closed_by = NULL, recovered_at = NULL, firing = true
WHERE incident.state = 'closed' AND incident.closed_at > %(since)s AND EXISTS (
    SELECT FROM incident_alerts AS member JOIN alerts AS alert USING (fingerprint, starts_at)
    WHERE member.incident = incident.number AND member.state = 'resolved' AND alert.state = 'firing'
)
RETURNING number

-- name: refresh_incidents
UPDATE incidents AS incident
SET firing = now.firing, began_at = least(incident.began_at, now.began_at), news_at = now.news_at,
    priority = least(incident.priority, now.priority),
    recovered_at = CASE WHEN now.firing THEN NULL ELSE now.last_end END,
    acknowledged_at = now.acknowledged_at,
    acknowledged_by = now.acknowledged_by
FROM (
    SELECT one.number,
        EXISTS (SELECT FROM alerts WHERE alerts.incident = one.number AND alerts.state = 'firing') AS firing,
        min(member.starts_at) AS began_at,
        max(greatest(member.starts_at, member.ends_at)) AS news_at,
        max(member.ends_at) AS last_end,
        min(member.priority) AS priority,
        min(member.acknowledged_at) AS acknowledged_at,
        (array_agg(member.acknowledged_by ORDER BY member.acknowledged_at)
            FILTER (WHERE member.acknowledged_at IS NOT NULL))[1] AS acknowledged_by
    FROM incidents AS one JOIN incident_alerts AS member ON member.incident = one.number
    WHERE one.state = 'open'
    GROUP BY one.number
) AS now
WHERE incident.number = now.number
    AND (incident.firing, incident.began_at, incident.news_at, incident.priority, incident.recovered_at,
        incident.acknowledged_at)
    IS DISTINCT FROM (now.firing, least(incident.began_at, now.began_at), now.news_at,
        least(incident.priority, now.priority), CASE WHEN now.firing THEN NULL ELSE now.last_end END,
        now.acknowledged_at)

-- name: list_incidents
SELECT number, state, title, title_zh, priority, profile, service, began_at, opened_at, opened_by, news_at, firing,
    alert_count, acknowledged_at, acknowledged_by, recovered_at, closed_at, closed_by, close_reason
FROM incidents
WHERE (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(number)s::text IS NULL OR number = %(number)s)
    AND (%(since)s::timestamptz IS NULL OR coalesce(closed_at, 'infinity') >= %(since)s)
ORDER BY began_at DESC, number DESC
LIMIT %(limit)s

-- name: incident_alerts
SELECT fingerprint, starts_at, name, priority, severity, summary, summary_zh, labels, state, ends_at, joined_at,
    acknowledged_at, acknowledged_by
FROM incident_alerts WHERE incident = %(number)s ORDER BY starts_at, fingerprint

-- name: incident_notes
SELECT kind, author, text, at FROM incident_notes WHERE incident = %(number)s ORDER BY id

-- name: kept_timeline
SELECT timeline FROM incidents WHERE number = %(number)s

-- name: add_incident_note
INSERT INTO incident_notes (incident, key, kind, author, text, at)
SELECT number, %(key)s, %(kind)s, %(author)s, %(text)s, %(at)s FROM incidents WHERE number = %(number)s
ON CONFLICT (key) DO NOTHING

-- name: close_incident
UPDATE incidents SET state = 'closed', closed_at = %(at)s, closed_by = %(author)s, close_reason = %(reason)s,
    timeline = %(timeline)s
WHERE number = %(number)s AND state = 'open' AND (%(anyway)s OR NOT firing)

-- name: reopen_incident
UPDATE incidents SET state = 'open', closed_at = NULL, closed_by = NULL WHERE number = %(number)s AND state = 'closed'

-- name: incidents_to_close
SELECT number FROM incidents WHERE state = 'open' AND NOT firing AND recovered_at < %(before)s ORDER BY number

-- name: incident_actions
-- What was done about its alerts, and to anything from a while before it began: the cause may be a change.
SELECT kind, actor, subject, detail, at, until, outcome FROM actions
WHERE (at BETWEEN %(before)s AND %(end)s OR (until BETWEEN %(before)s AND %(end)s))
    AND kind NOT IN ('acknowledge', 'unacknowledge', 'alert_resolve')
    AND (kind NOT LIKE 'incident%%' OR subject = %(number)s)
ORDER BY at, id
LIMIT %(limit)s

-- name: incident_acks
SELECT kind, actor, subject, detail, at, until, outcome FROM actions
WHERE kind IN ('acknowledge', 'unacknowledge', 'alert_resolve') AND subject = ANY(%(fingerprints)s)
    AND at BETWEEN %(start)s AND %(end)s
ORDER BY at, id
LIMIT %(limit)s

-- name: incident_jobs
SELECT task, started_at, finished_at, outcome, detail FROM job_runs
WHERE task = ANY(%(tasks)s) AND scheduled_for >= %(before)s - interval '1 day'
    AND started_at <= %(end)s AND coalesce(finished_at, 'infinity') >= %(before)s
ORDER BY started_at
LIMIT %(limit)s

-- name: incident_escalations
SELECT alert.name, step.step, step.made_at, step.people
FROM escalation_steps AS step JOIN alerts AS alert ON alert.id = step.alert_id
WHERE alert.incident = %(number)s
ORDER BY step.made_at
LIMIT %(limit)s

-- name: incident_deliveries
SELECT receiver, kind, status, title, created_at, finished_at, receipt, last_error FROM deliveries
WHERE fingerprints && %(fingerprints)s AND created_at BETWEEN %(start)s AND %(end)s
ORDER BY created_at, id
LIMIT %(limit)s

-- name: incident_figures
SELECT state, priority, count(*) AS incidents, count(acknowledged_at) AS acknowledged, count(recovered_at) AS recovered,
    avg(extract(epoch FROM acknowledged_at - began_at)) FILTER (WHERE acknowledged_at IS NOT NULL) AS mtta,
    avg(extract(epoch FROM recovered_at - began_at)) FILTER (WHERE recovered_at IS NOT NULL) AS mttr
FROM incidents WHERE state = 'open' OR began_at >= %(since)s
GROUP BY state, priority
