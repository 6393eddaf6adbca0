-- Named queries of the control plane's store. Each starts with "-- name: <name>"; parameters are %(name)s.

-- name: read_journal_position
SELECT segment, byte_offset FROM journal_positions WHERE journal_id = %(journal_id)s

-- name: add_journal_position
INSERT INTO journal_positions (journal_id, segment, byte_offset)
VALUES (%(journal_id)s, %(segment)s, %(offset)s)
ON CONFLICT (journal_id) DO NOTHING

-- name: advance_journal_position
UPDATE journal_positions
SET segment = %(end_segment)s, byte_offset = %(end_offset)s, moved_at = now()
WHERE journal_id = %(journal_id)s AND segment = %(start_segment)s AND byte_offset = %(start_offset)s

-- name: move_alerts
-- The state follows controlplane/domain/alert.py (settle): it depends on when each kind of notification was last
-- received, not on their order. A firing one long after the resolved one opens the alert again. What a newer episode
-- ends stays ended here; supersede_alerts decides about it, for the fingerprints that this query returns.
WITH incoming AS (
    SELECT * FROM jsonb_to_recordset(%(alerts)s::jsonb) AS alert (
        fingerprint text, name text, state text, severity text, priority text, starts_at timestamptz,
        ends_at timestamptz, received_at timestamptz, labels jsonb, annotations jsonb, generator_url text,
        receiver text, group_key text, end_reason text
    )
), newest AS (
    SELECT DISTINCT ON (fingerprint, starts_at) * FROM incoming ORDER BY fingerprint, starts_at, received_at DESC
), folded AS (
    SELECT fingerprint, starts_at,
        min(received_at) AS first_received_at,
        max(received_at) FILTER (WHERE state = 'firing') AS firing_seen_at,
        max(received_at) FILTER (WHERE state = 'resolved' AND end_reason IS DISTINCT FROM 'stale') AS resolved_seen_at,
        max(ends_at) FILTER (WHERE state = 'resolved' AND end_reason IS DISTINCT FROM 'stale') AS notified_end,
        max(received_at) FILTER (WHERE end_reason = 'stale') AS stale_seen_at,
        max(ends_at) FILTER (WHERE end_reason = 'stale') AS stale_end,
        count(*) AS notifications
    FROM incoming GROUP BY fingerprint, starts_at
), known AS (
    SELECT alert.fingerprint, alert.starts_at, alert.state, alert.first_received_at, alert.firing_seen_at,
        alert.resolved_seen_at, alert.notified_end, alert.stale_seen_at, alert.stale_end, alert.ends_at,
        alert.end_reason, alert.notifications
    FROM alerts AS alert JOIN folded USING (fingerprint, starts_at)
    FOR UPDATE OF alert
), merged AS (
    SELECT fingerprint, starts_at,
        least(folded.first_received_at, known.first_received_at) AS first_received_at,
        greatest(folded.firing_seen_at, known.firing_seen_at) AS firing_seen_at,
        greatest(folded.resolved_seen_at, known.resolved_seen_at) AS resolved_seen_at,
        greatest(folded.notified_end, known.notified_end) AS notified_end,
        greatest(folded.stale_seen_at, known.stale_seen_at) AS stale_seen_at,
        greatest(folded.stale_end, known.stale_end) AS stale_end,
        folded.notifications + coalesce(known.notifications, 0) AS notifications,
        known.state AS state_before,
        known.ends_at AS end_before,
        known.end_reason AS reason_before
    FROM folded LEFT JOIN known USING (fingerprint, starts_at)
), reasoned AS (
    SELECT *,
        CASE WHEN resolved_seen_at IS NOT NULL
                AND (firing_seen_at > resolved_seen_at + %(reopen_after)s::interval) IS NOT TRUE THEN 'notified'
            WHEN reason_before = 'superseded' THEN 'superseded'
            WHEN stale_seen_at IS NOT NULL AND (firing_seen_at > stale_seen_at) IS NOT TRUE THEN 'stale'
        END AS end_reason
    FROM merged
), settled AS (
    SELECT *,
        CASE WHEN end_reason IS NULL THEN 'firing' ELSE 'resolved' END AS state,
        CASE end_reason WHEN 'notified' THEN notified_end WHEN 'superseded' THEN end_before
            WHEN 'stale' THEN stale_end END AS ends_at
    FROM reasoned
), stored AS (
    INSERT INTO alerts AS alert (
        fingerprint, starts_at, name, state, severity, priority, ends_at, received_at, first_received_at,
        firing_seen_at, resolved_seen_at, notified_end, stale_seen_at, stale_end, end_reason, notifications,
        labels, annotations, generator_url, receiver, group_key
    )
    SELECT fingerprint, starts_at, newest.name, settled.state, newest.severity, newest.priority, settled.ends_at,
        newest.received_at, settled.first_received_at, settled.firing_seen_at, settled.resolved_seen_at,
        settled.notified_end, settled.stale_seen_at, settled.stale_end, settled.end_reason, settled.notifications,
        newest.labels, newest.annotations, newest.generator_url, newest.receiver, newest.group_key
    FROM settled JOIN newest USING (fingerprint, starts_at)
    ON CONFLICT (fingerprint, starts_at) DO UPDATE SET
        name = excluded.name,
        state = excluded.state,
        severity = excluded.severity,
        priority = excluded.priority,
        ends_at = excluded.ends_at,
        received_at = greatest(alert.received_at, excluded.received_at),
        first_received_at = excluded.first_received_at,
        firing_seen_at = excluded.firing_seen_at,
        resolved_seen_at = excluded.resolved_seen_at,
        notified_end = excluded.notified_end,
        stale_seen_at = excluded.stale_seen_at,
        stale_end = excluded.stale_end,
        end_reason = excluded.end_reason,
        notifications = excluded.notifications,
        labels = excluded.labels,
        annotations = excluded.annotations,
        generator_url = excluded.generator_url,
        receiver = excluded.receiver,
        group_key = excluded.group_key
    RETURNING id, fingerprint, starts_at, state, received_at, firing_seen_at, resolved_seen_at, stale_seen_at
), noted AS (
    INSERT INTO notification_events (fingerprint, heard_at)
    SELECT stored.fingerprint, stored.received_at FROM stored JOIN settled USING (fingerprint, starts_at)
    WHERE %(notes_events)s AND stored.state IS DISTINCT FROM settled.state_before
        AND (stored.state = 'firing' OR settled.state_before IS NOT NULL)
), told AS (
    SELECT stored.id, incoming.state,
        CASE WHEN incoming.state = 'firing' THEN incoming.starts_at ELSE incoming.ends_at END AS at,
        incoming.received_at
    FROM incoming JOIN stored USING (fingerprint, starts_at)
    UNION ALL
    SELECT stored.id, 'firing', stored.firing_seen_at, stored.firing_seen_at
    FROM stored JOIN settled USING (fingerprint, starts_at)
    WHERE stored.state = 'firing' AND (stored.resolved_seen_at IS NOT NULL OR stored.stale_seen_at IS NOT NULL)
        AND settled.state_before IS DISTINCT FROM 'firing'
), recorded AS (
    INSERT INTO alert_states (alert_id, state, at, received_at)
    SELECT id, state, at, min(received_at) FROM told GROUP BY id, state, at
    ON CONFLICT DO NOTHING
)
SELECT fingerprint FROM folded GROUP BY fingerprint HAVING count(*) > 1
UNION
SELECT folded.fingerprint FROM folded WHERE EXISTS (
    SELECT FROM alerts AS other
    WHERE other.fingerprint = folded.fingerprint AND other.starts_at <> folded.starts_at
)

-- name: supersede_alerts
-- An alert that begins anew had ended, although nobody said so: its older episodes end when the next one began, at the
-- latest. One that is seen firing long after the newer one was first heard of (by another Alertmanager) fires again.
WITH episode AS (
    SELECT old.id, old.state, old.ends_at, old.end_reason, old.firing_seen_at, next.starts_at AS next_start,
        next.first_received_at AS next_received_at,
        old.stale_end,
        old.stale_seen_at IS NOT NULL AND (old.firing_seen_at > old.stale_seen_at) IS NOT TRUE AS is_stale
    FROM alerts AS old LEFT JOIN LATERAL (
        SELECT starts_at, first_received_at FROM alerts AS newer
        WHERE newer.fingerprint = old.fingerprint AND newer.starts_at > old.starts_at
            AND (old.firing_seen_at > newer.first_received_at + %(reopen_after)s::interval) IS NOT TRUE
        ORDER BY starts_at LIMIT 1
    ) AS next ON true
    WHERE old.fingerprint = ANY(%(fingerprints)s) AND old.end_reason IS DISTINCT FROM 'notified'
), decided AS (
    SELECT *,
        CASE WHEN next_start IS NOT NULL THEN next_start WHEN is_stale THEN stale_end END AS new_end,
        CASE WHEN next_start IS NOT NULL THEN 'superseded' WHEN is_stale THEN 'stale' END AS new_reason
    FROM episode
), changed AS (
    UPDATE alerts AS alert
    SET state = CASE WHEN new_reason IS NULL THEN 'firing' ELSE 'resolved' END,
        ends_at = new_end, end_reason = new_reason
    FROM decided
    WHERE alert.id = decided.id
        AND (decided.end_reason IS DISTINCT FROM new_reason OR decided.ends_at IS DISTINCT FROM new_end)
    RETURNING alert.id, alert.fingerprint, alert.state, alert.ends_at, alert.received_at, decided.firing_seen_at,
        decided.next_received_at
), noted AS (
    INSERT INTO notification_events (fingerprint, heard_at)
    SELECT fingerprint, received_at FROM changed WHERE %(notes_events)s AND state = 'firing'
)
INSERT INTO alert_states (alert_id, state, at, received_at)
SELECT id, state, coalesce(ends_at, firing_seen_at), coalesce(next_received_at, firing_seen_at) FROM changed
ON CONFLICT DO NOTHING

-- name: list_alerts
SELECT fingerprint, name, state, severity, priority, starts_at, ends_at, received_at, labels, annotations,
    generator_url, receiver, group_key, CASE WHEN acknowledged_until > now() THEN acknowledged_by END AS acknowledged_by,
    end_reason, CASE WHEN acknowledged_until > now() THEN acknowledged_until END AS acknowledged_until,
    acknowledged_at, nullif(incident, '') AS incident, flapping.began_at AS flapping_since,
    flapping.fires AS flapping_fires
FROM alerts
LEFT JOIN LATERAL (
    SELECT began_at, fires FROM alert_flapping AS one
    WHERE one.fingerprint = alerts.fingerprint AND one.ended_at IS NULL AND one.began_at <= alerts.starts_at
) AS flapping ON true
WHERE (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(severity)s::text IS NULL OR severity = %(severity)s)
    AND (%(fingerprint)s::text IS NULL OR fingerprint = %(fingerprint)s)
    AND (%(since)s::timestamptz IS NULL OR received_at >= %(since)s)
    AND (%(labels)s::jsonb = '{}' OR labels @> %(labels)s::jsonb)
    AND (
        %(after_state)s::text IS NULL
        OR state > %(after_state)s
        OR (state = %(after_state)s AND starts_at < %(after_starts_at)s::timestamptz)
        OR (state = %(after_state)s AND starts_at = %(after_starts_at)s::timestamptz
            AND fingerprint > %(after_fingerprint)s)
    )
ORDER BY state, starts_at DESC, fingerprint
LIMIT %(limit)s

-- name: alert_history
SELECT alert.starts_at, change.state, change.at, change.received_at
FROM alerts AS alert JOIN alert_states AS change ON change.alert_id = alert.id
WHERE alert.fingerprint = %(fingerprint)s
ORDER BY alert.starts_at, change.at, change.received_at

-- name: delete_resolved_alerts
DELETE FROM alerts
WHERE id IN (
    SELECT id FROM alerts WHERE state = 'resolved' AND received_at < %(before)s ORDER BY received_at LIMIT %(limit)s
)

-- name: delete_old_of_name
DELETE FROM alerts WHERE id IN (
    SELECT id FROM alerts
    WHERE labels @> jsonb_build_object('alertname', %(name)s::text) AND name = %(name)s AND state = 'resolved'
    ORDER BY starts_at DESC OFFSET %(keep)s
)

-- name: begin_job
INSERT INTO job_runs (task, scheduled_for, started_at, outcome, detail, trigger)
VALUES (%(task)s, %(scheduled_for)s, %(started_at)s, 'running', '', %(trigger)s)
ON CONFLICT (task) WHERE outcome = 'running' DO NOTHING
RETURNING id

-- name: finish_job
UPDATE job_runs SET finished_at = %(finished_at)s, outcome = %(outcome)s, detail = %(detail)s
WHERE id = %(id)s AND outcome IN ('running', 'interrupted')

-- name: record_job
INSERT INTO job_runs (task, scheduled_for, started_at, finished_at, outcome, detail, trigger)
VALUES (%(task)s, %(scheduled_for)s, %(started_at)s, %(finished_at)s, %(outcome)s, %(detail)s, %(trigger)s)

-- name: interrupt_jobs
-- one that began in the future began before the clock stepped back
UPDATE job_runs SET outcome = 'interrupted', finished_at = %(finished_at)s,
    detail = 'the daemon ended while this ran'
WHERE outcome = 'running' AND (started_at < %(before)s OR started_at > %(finished_at)s)

-- name: last_scheduled
SELECT max(scheduled_for) FROM job_runs WHERE task = %(task)s AND scheduled_for < %(before)s

-- name: job_history
SELECT id, task, scheduled_for, started_at, finished_at, outcome, detail, trigger FROM job_runs
WHERE %(task)s::text IS NULL OR task = %(task)s
ORDER BY scheduled_for DESC, id DESC
LIMIT %(limit)s

-- name: last_successes
SELECT wanted.task, latest.finished_at FROM unnest(%(tasks)s::text[]) AS wanted (task)
CROSS JOIN LATERAL (
    SELECT finished_at FROM job_runs
    WHERE task = wanted.task AND outcome = 'succeeded'
    ORDER BY scheduled_for DESC, id DESC LIMIT 1
) AS latest

-- name: latest_jobs
SELECT latest.* FROM (SELECT DISTINCT task FROM job_runs) AS known
CROSS JOIN LATERAL (
    SELECT id, task, scheduled_for, started_at, finished_at, outcome, detail, trigger FROM job_runs
    WHERE task = known.task AND outcome <> 'missed'
    ORDER BY scheduled_for DESC, id DESC LIMIT 1
) AS latest
ORDER BY latest.task

-- name: delete_old_jobs
DELETE FROM job_runs WHERE scheduled_for < %(before)s AND outcome <> 'running'

-- name: save_check_result
INSERT INTO check_results (name, checked_at, kind, state, raw_state, message, value, unit, warning, critical,
    duration_seconds, state_since)
VALUES (%(name)s, %(checked_at)s, %(kind)s, %(state)s, %(raw_state)s, %(message)s, %(value)s, %(unit)s,
    %(warning)s, %(critical)s, %(duration_seconds)s, %(state_since)s)
ON CONFLICT (name, checked_at) DO NOTHING

-- name: save_check_state
INSERT INTO check_states AS known (name, checked_at, kind, state, raw_state, message, value, unit, warning, critical,
    duration_seconds, state_since)
VALUES (%(name)s, %(checked_at)s, %(kind)s, %(state)s, %(raw_state)s, %(message)s, %(value)s, %(unit)s,
    %(warning)s, %(critical)s, %(duration_seconds)s, %(state_since)s)
ON CONFLICT (name) DO UPDATE SET checked_at = excluded.checked_at, kind = excluded.kind, state = excluded.state,
    raw_state = excluded.raw_state, message = excluded.message, value = excluded.value, unit = excluded.unit,
    warning = excluded.warning, critical = excluded.critical, duration_seconds = excluded.duration_seconds,
    state_since = excluded.state_since
WHERE known.checked_at < excluded.checked_at

-- name: latest_check_results
SELECT name, kind, state, raw_state, message, value, unit, warning, critical, duration_seconds, checked_at, state_since
FROM check_states ORDER BY name

-- name: check_history
SELECT name, kind, state, raw_state, message, value, unit, warning, critical, duration_seconds, checked_at, state_since
FROM check_results WHERE name = %(name)s AND checked_at >= %(since)s ORDER BY checked_at

-- name: delete_check_results
DELETE FROM check_results WHERE checked_at < %(before)s

-- name: delete_check_states
DELETE FROM check_states WHERE checked_at < %(before)s

-- name: add_action
INSERT INTO actions (kind, actor, subject, detail, at, until, outcome, key)
VALUES (%(kind)s, %(actor)s, %(subject)s, %(detail)s, %(at)s, %(until)s, %(outcome)s, %(key)s)
ON CONFLICT (key) DO NOTHING
RETURNING id

-- name: finish_action
UPDATE actions SET until = %(until)s, outcome = %(outcome)s, detail = %(detail)s WHERE id = %(id)s

-- name: finish_work
UPDATE actions SET until = %(ended_at)s, outcome = %(outcome)s,
    detail = CASE WHEN %(detail)s = '' THEN detail ELSE %(detail)s END
WHERE key = %(key)s AND outcome = 'running'

-- name: settle_action
INSERT INTO actions (kind, actor, subject, detail, at, until, outcome, key)
VALUES (%(kind)s, %(actor)s, %(subject)s, %(detail)s, %(at)s, %(until)s, %(outcome)s, %(key)s)
ON CONFLICT (key) DO UPDATE
SET subject = excluded.subject, until = excluded.until, outcome = excluded.outcome, detail = excluded.detail

-- name: settle_maintenance
UPDATE maintenance SET ended_at = %(ended_at)s, ended_by = %(ended_by)s
WHERE key = %(key)s AND NOT withdrawn AND (ended_at IS NULL OR ended_at > %(ended_at)s)

-- name: interrupt_lapsed_work
UPDATE actions SET until = maintenance.ends_at, outcome = 'interrupted', detail = %(detail)s
FROM maintenance
WHERE actions.key = maintenance.key AND actions.outcome = 'running' AND maintenance.ends_at <= %(now)s

-- name: list_actions
SELECT id, kind, actor, subject, detail, at, until, outcome, key FROM actions
WHERE (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(since)s::timestamptz IS NULL OR at >= %(since)s OR until >= %(since)s OR outcome = 'running')
ORDER BY at DESC, id DESC
LIMIT %(limit)s

-- name: add_maintenance
INSERT INTO maintenance (key, author, reason, services, matchers, starts_at, ends_at, recurrence, time_zone,
    entered_at, withdrawn)
VALUES (%(key)s, %(author)s, %(reason)s, %(services)s, %(matchers)s, %(starts_at)s, %(ends_at)s, %(recurrence)s,
    %(time_zone)s, %(entered_at)s, false)
ON CONFLICT (key) DO NOTHING
RETURNING id

-- name: end_maintenance
UPDATE maintenance SET ended_at = %(ended_at)s, ended_by = %(ended_by)s, withdrawn = %(withdrawn)s
WHERE id = %(id)s AND NOT withdrawn AND (ended_at IS NULL OR %(withdrawn)s)

-- name: find_maintenance
SELECT id, key, author, reason, services, matchers, starts_at, ends_at, recurrence, time_zone, entered_at, ended_at,
    ended_by, withdrawn
FROM maintenance
WHERE (%(id)s::bigint IS NULL OR id = %(id)s) AND (%(key)s::text IS NULL OR key = %(key)s)
ORDER BY starts_at, id

-- name: load_anomaly_watches
SELECT name, digest, through FROM anomaly_watches ORDER BY name

-- name: load_anomaly_series
SELECT watch, labels, state, track FROM anomaly_series ORDER BY watch, id

-- name: save_anomaly_watch
INSERT INTO anomaly_watches (name, digest, through) VALUES (%(name)s, %(digest)s, %(through)s)
ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, through = excluded.through, saved_at = now()

-- name: forget_anomaly_series
DELETE FROM anomaly_series WHERE watch = %(name)s AND NOT (id = ANY (%(ids)s))

-- name: save_anomaly_series
INSERT INTO anomaly_series (id, watch, labels, state, track)
VALUES (%(id)s, %(watch)s, %(labels)s::jsonb, %(state)s, %(track)s::jsonb)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, track = excluded.track

-- name: save_anomaly_episode
INSERT INTO anomaly_episodes (id, series_id, watch, labels, started_at, ended_at, facts)
VALUES (%(id)s, %(series_id)s, %(watch)s, %(labels)s::jsonb, %(started_at)s, %(ended_at)s, %(facts)s::jsonb)
ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at, facts = excluded.facts

-- name: list_anomaly_episodes
SELECT id, series_id, watch, labels, started_at, ended_at, facts FROM anomaly_episodes
WHERE (NOT %(is_open)s OR ended_at IS NULL)
    AND (%(watch)s::text IS NULL OR watch = %(watch)s)
    AND (%(since)s::timestamptz IS NULL OR coalesce(ended_at, 'infinity') >= %(since)s)
ORDER BY started_at DESC, id
LIMIT %(limit)s

-- name: show_anomaly_episode
SELECT id, series_id, watch, labels, started_at, ended_at, facts FROM anomaly_episodes WHERE id = %(id)s

-- name: delete_anomaly_episodes
DELETE FROM anomaly_episodes WHERE ended_at < %(before)s

-- name: standing_anomaly_feedback
SELECT episode_id, series_id, family, verdict, given_by, given_at, note FROM anomaly_feedback
WHERE undone_at IS NULL ORDER BY given_at, id

-- name: undo_anomaly_feedback
UPDATE anomaly_feedback SET undone_by = %(undone_by)s, undone_at = %(at)s
WHERE episode_id = %(episode_id)s AND undone_at IS NULL

-- name: give_anomaly_feedback
INSERT INTO anomaly_feedback (episode_id, series_id, family, verdict, given_by, given_at, note)
VALUES (%(episode_id)s, %(series_id)s, %(family)s, %(verdict)s, %(given_by)s, %(given_at)s, %(note)s)

-- name: read_slo_days
SELECT objective, definition, day, unit, good, bad, known_seconds, unknown_seconds, excluded_seconds, excluded_amount,
    idle_seconds, observed_seconds, exclusions, computed_at
FROM slo_days
WHERE (objective, definition) IN (SELECT * FROM unnest(%(objectives)s::text[], %(definitions)s::text[]))
    AND day BETWEEN %(first)s AND %(last)s

-- name: save_slo_day
INSERT INTO slo_days (objective, definition, day, unit, good, bad, known_seconds, unknown_seconds, excluded_seconds,
    excluded_amount, idle_seconds, observed_seconds, exclusions, computed_at)
VALUES (%(objective)s, %(definition)s, %(day)s, %(unit)s, %(good)s, %(bad)s, %(known_seconds)s, %(unknown_seconds)s,
    %(excluded_seconds)s, %(excluded_amount)s, %(idle_seconds)s, %(observed_seconds)s, %(exclusions)s,
    %(computed_at)s)
ON CONFLICT (objective, definition, day) DO UPDATE SET unit = excluded.unit, good = excluded.good,
    bad = excluded.bad, known_seconds = excluded.known_seconds, unknown_seconds = excluded.unknown_seconds,
    excluded_seconds = excluded.excluded_seconds, excluded_amount = excluded.excluded_amount,
    idle_seconds = excluded.idle_seconds, observed_seconds = excluded.observed_seconds,
    exclusions = excluded.exclusions, computed_at = excluded.computed_at

-- name: list_slo_reports
SELECT id, kind, starts_at, ends_at, verdict, complete, generated_at, revision FROM slo_reports
ORDER BY ends_at DESC, starts_at, id

-- name: save_slo_report
INSERT INTO slo_reports AS known (id, kind, starts_at, ends_at, verdict, complete, generated_at, revision)
VALUES (%(id)s, %(kind)s, %(starts_at)s, %(ends_at)s, %(verdict)s, %(complete)s, %(generated_at)s, %(revision)s)
ON CONFLICT (id) DO UPDATE SET starts_at = excluded.starts_at, ends_at = excluded.ends_at,
    verdict = excluded.verdict, complete = excluded.complete, generated_at = excluded.generated_at,
    revision = known.revision + 1
RETURNING revision

-- name: delete_slo_report_files
DELETE FROM slo_report_files WHERE report_id = %(report_id)s

-- name: save_slo_report_file
INSERT INTO slo_report_files (report_id, name, content) VALUES (%(report_id)s, %(name)s, %(content)s)

-- name: read_slo_report_file
SELECT content FROM slo_report_files WHERE report_id = %(report_id)s AND name = %(name)s

-- name: delete_slo_reports
DELETE FROM slo_reports WHERE kind = %(kind)s AND ends_at < %(before)s

-- name: list_report_sendings
SELECT report_id, receiver, sent_at FROM slo_report_sendings

-- name: note_report_sending
INSERT INTO slo_report_sendings AS known (report_id, receiver, sent_at)
VALUES (%(report_id)s, %(receiver)s, %(sent_at)s)
ON CONFLICT (report_id, receiver) DO UPDATE SET sent_at = excluded.sent_at WHERE %(again)s
RETURNING report_id
