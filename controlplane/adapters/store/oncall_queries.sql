-- Named queries of escalation and on-call.

-- name: waiting_alerts
-- Firing alerts that nobody has, each with the moment since which it waits: when it was last heard to begin, or when
-- the last acknowledgement of it ended.
SELECT alert.id, alert.fingerprint, alert.name, alert.state, alert.severity, alert.priority, alert.starts_at,
    alert.ends_at, alert.received_at, alert.labels, alert.annotations, alert.generator_url, alert.receiver,
    alert.group_key, greatest(begun.at, acks.ended_at) AS waiting_since,
    (SELECT coalesce(max(step), 0) FROM escalation_steps AS made
        WHERE made.alert_id = alert.id AND made.waiting_since = greatest(begun.at, acks.ended_at)) AS last_step
FROM alerts AS alert
CROSS JOIN LATERAL (
    SELECT coalesce(max(received_at), alert.first_received_at) AS at FROM alert_states
    WHERE alert_id = alert.id AND state = 'firing'
) AS begun
LEFT JOIN LATERAL (
    SELECT max(coalesce(withdrawn_at, until)) AS ended_at FROM alert_acks WHERE alert_id = alert.id
) AS acks ON true
WHERE alert.state = 'firing' AND alert.priority = ANY(%(priorities)s)
    AND (acks.ended_at IS NULL OR acks.ended_at <= %(now)s)
    AND alert.name <> %(except_name)s
ORDER BY alert.priority, waiting_since
LIMIT %(limit)s

-- name: add_escalation_step
INSERT INTO escalation_steps (alert_id, waiting_since, step, due_at, made_at, people)
VALUES (%(alert_id)s, %(waiting_since)s, %(step)s, %(due_at)s, %(made_at)s, %(people)s)
ON CONFLICT DO NOTHING

-- name: escalation_histories
SELECT alert.id, alert.fingerprint, alert.name, alert.priority,
    (SELECT coalesce(max(received_at), alert.first_received_at) FROM alert_states
        WHERE alert_id = alert.id AND state = 'firing') AS begun_at,
    CASE WHEN alert.state = 'resolved' THEN coalesce(
        (SELECT max(received_at) FROM alert_states WHERE alert_id = alert.id AND state = 'resolved'), alert.received_at
    ) END AS over_at,
    coalesce((SELECT array_agg(at ORDER BY id) FROM alert_acks WHERE alert_id = alert.id), '{}') AS ack_starts,
    coalesce((SELECT array_agg(coalesce(withdrawn_at, until) ORDER BY id) FROM alert_acks
        WHERE alert_id = alert.id), '{}') AS ack_ends,
    coalesce((SELECT array_agg(due_at ORDER BY due_at) FROM escalation_steps
        WHERE alert_id = alert.id), '{}') AS made_due,
    coalesce((SELECT array_agg(made_at ORDER BY due_at) FROM escalation_steps
        WHERE alert_id = alert.id), '{}') AS made_at
FROM alerts AS alert
WHERE alert.received_at >= %(since)s AND alert.priority = ANY(%(priorities)s) AND alert.name <> %(except_name)s
ORDER BY alert.id DESC
LIMIT %(limit)s

-- name: list_overrides
SELECT id, schedule, person, author, starts_at, ends_at, entered_at FROM oncall_overrides
WHERE ends_at > %(since)s ORDER BY id

-- name: add_override
INSERT INTO oncall_overrides (schedule, person, author, starts_at, ends_at, entered_at)
VALUES (%(schedule)s, %(person)s, %(author)s, %(starts_at)s, %(ends_at)s, %(entered_at)s)
RETURNING id, schedule, person, author, starts_at, ends_at, entered_at
