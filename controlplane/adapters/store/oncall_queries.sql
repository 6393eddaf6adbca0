-- Named queries of escalation and on-call.

-- name: waiting_alerts
-- Firing alerts that nobody has, each with the moment since which it waits: when it was last heard to begin, or when
-- the last acknowledgement of it ended. One that flaps (or has stayed firing after it did) waits since that was
-- recognised, over all its episodes, also while it is over for a moment.
WITH candidate AS (
    SELECT alert.id, flapping.id AS flapping_id
    FROM alerts AS alert LEFT JOIN LATERAL (
        SELECT id, last_start_at FROM alert_flapping AS one
        WHERE one.fingerprint = alert.fingerprint AND alert.first_received_at >= one.recognised_at
            AND alert.starts_at <= one.last_start_at
        ORDER BY id DESC LIMIT 1
    ) AS flapping ON true
    WHERE alert.state = 'firing' AND alert.priority = ANY(%(priorities)s)
        AND (flapping.id IS NULL OR alert.starts_at = flapping.last_start_at)
    UNION
    SELECT alert.id, flapping.id FROM alert_flapping AS flapping JOIN alerts AS alert
        ON alert.fingerprint = flapping.fingerprint AND alert.starts_at = flapping.last_start_at
    WHERE flapping.ended_at IS NULL AND alert.state = 'resolved' AND alert.priority = ANY(%(priorities)s)
)
SELECT alert.id, alert.fingerprint, alert.name, alert.state, alert.severity, alert.priority, alert.starts_at,
    alert.ends_at, alert.received_at, alert.labels, alert.annotations, alert.generator_url, alert.receiver,
    alert.group_key, greatest(begun.at, acks.ended_at) AS waiting_since,
    (SELECT coalesce(max(step), 0) FROM escalation_steps AS made
        WHERE made.alert_id = ANY(same.ids) AND made.waiting_since = greatest(begun.at, acks.ended_at)) AS last_step,
    flapping.began_at, flapping.recognised_at, flapping.last_start_at, flapping.changed_at, flapping.fires,
    flapping.ended_at
FROM candidate JOIN alerts AS alert USING (id) LEFT JOIN alert_flapping AS flapping ON flapping.id = flapping_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN flapping_id IS NULL THEN ARRAY[alert.id] ELSE (
        SELECT array_agg(one.id) FROM alerts AS one
        WHERE one.fingerprint = alert.fingerprint AND one.starts_at >= flapping.began_at
            AND one.starts_at <= flapping.last_start_at
    ) END AS ids
) AS same
CROSS JOIN LATERAL (
    SELECT coalesce(flapping.recognised_at, max(received_at), alert.first_received_at) AS at FROM alert_states
    WHERE alert_id = alert.id AND state = 'firing'
) AS begun
LEFT JOIN LATERAL (
    SELECT max(coalesce(withdrawn_at, until)) AS ended_at FROM alert_acks WHERE alert_id = ANY(same.ids)
) AS acks ON true
WHERE (acks.ended_at IS NULL OR acks.ended_at <= %(now)s) AND alert.name <> %(except_name)s
ORDER BY alert.priority, waiting_since
LIMIT %(limit)s

-- name: add_escalation_step
INSERT INTO escalation_steps (alert_id, waiting_since, step, due_at, made_at, people)
VALUES (%(alert_id)s, %(waiting_since)s, %(step)s, %(due_at)s, %(made_at)s, %(people)s)
ON CONFLICT DO NOTHING

-- name: escalation_histories
-- One entry for each episode of an alert; for all episodes in which it flaps one together.
SELECT alert.id, alert.fingerprint, alert.name, alert.priority,
    coalesce(flapping.recognised_at, (SELECT max(received_at) FROM alert_states
        WHERE alert_id = alert.id AND state = 'firing'), alert.first_received_at) AS begun_at,
    CASE WHEN alert.state = 'resolved' AND (flapping.id IS NULL OR flapping.ended_at IS NOT NULL) THEN greatest(
        flapping.ended_at, coalesce(
            (SELECT max(received_at) FROM alert_states WHERE alert_id = alert.id AND state = 'resolved'),
            alert.received_at
        )
    ) END AS over_at,
    coalesce((SELECT array_agg(at ORDER BY id) FROM alert_acks WHERE alert_id = ANY(same.ids)), '{}') AS ack_starts,
    coalesce((SELECT array_agg(coalesce(withdrawn_at, until) ORDER BY id) FROM alert_acks
        WHERE alert_id = ANY(same.ids)), '{}') AS ack_ends,
    coalesce((SELECT array_agg(due_at ORDER BY due_at) FROM escalation_steps
        WHERE alert_id = ANY(same.ids)), '{}') AS made_due,
    coalesce((SELECT array_agg(made_at ORDER BY due_at) FROM escalation_steps
        WHERE alert_id = ANY(same.ids)), '{}') AS made_at
FROM alerts AS alert
LEFT JOIN LATERAL (
    SELECT * FROM alert_flapping AS one
    WHERE one.fingerprint = alert.fingerprint AND alert.first_received_at >= one.recognised_at
        AND alert.starts_at <= one.last_start_at
    ORDER BY one.id DESC LIMIT 1
) AS flapping ON true
CROSS JOIN LATERAL (
    SELECT CASE WHEN flapping.id IS NULL THEN ARRAY[alert.id] ELSE (
        SELECT array_agg(one.id) FROM alerts AS one
        WHERE one.fingerprint = alert.fingerprint AND one.starts_at >= flapping.began_at
            AND one.starts_at <= flapping.last_start_at
    ) END AS ids
) AS same
WHERE alert.received_at >= %(since)s AND alert.priority = ANY(%(priorities)s) AND alert.name <> %(except_name)s
    AND (flapping.id IS NULL OR alert.starts_at = flapping.last_start_at)
ORDER BY alert.id DESC
LIMIT %(limit)s

-- name: list_overrides
SELECT id, schedule, person, author, starts_at, ends_at, entered_at FROM oncall_overrides
WHERE ends_at > %(since)s ORDER BY id

-- name: add_override
INSERT INTO oncall_overrides (schedule, person, author, starts_at, ends_at, entered_at)
VALUES (%(schedule)s, %(person)s, %(author)s, %(starts_at)s, %(ends_at)s, %(entered_at)s)
RETURNING id, schedule, person, author, starts_at, ends_at, entered_at
