-- Named queries of the outbox.

-- name: take_events
DELETE FROM notification_events
WHERE id IN (SELECT id FROM notification_events ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
RETURNING fingerprint, heard_at

-- name: due_knowledge
-- what was told in the future was told before the clock stepped back: it is not held until the clock has caught up
SELECT DISTINCT fingerprint FROM notification_knowledge
WHERE due_at IS NOT NULL AND (due_at <= %(now)s OR firing_told_at > %(now)s)
LIMIT %(limit)s

-- name: next_due_knowledge
SELECT min(due_at) FROM notification_knowledge WHERE due_at IS NOT NULL

-- name: newest_episodes
SELECT DISTINCT ON (fingerprint) fingerprint, name, state, severity, priority, starts_at, ends_at, received_at, labels,
    annotations, generator_url, receiver, group_key, acknowledged_by, end_reason
FROM alerts WHERE fingerprint = ANY(%(fingerprints)s)
ORDER BY fingerprint, starts_at DESC

-- name: read_knowledge
SELECT receiver, fingerprint, state, starts_at, firing_told_at, untold_changes, flapping_since
FROM notification_knowledge WHERE fingerprint = ANY(%(fingerprints)s)
FOR UPDATE

-- name: clear_due_knowledge
UPDATE notification_knowledge SET due_at = NULL
WHERE fingerprint = ANY(%(fingerprints)s) AND (due_at <= %(now)s OR firing_told_at > %(now)s)

-- name: write_knowledge
INSERT INTO notification_knowledge (receiver, fingerprint, state, starts_at, firing_told_at, untold_changes, due_at,
    flapping_since)
SELECT * FROM unnest(%(receivers)s::text[], %(fingerprints)s::text[], %(states)s::text[], %(starts)s::timestamptz[],
    %(told)s::timestamptz[], %(untold)s::integer[], %(due)s::timestamptz[], %(flapping)s::timestamptz[])
ON CONFLICT (fingerprint, receiver) DO UPDATE SET state = excluded.state, starts_at = excluded.starts_at,
    firing_told_at = excluded.firing_told_at, untold_changes = excluded.untold_changes, due_at = excluded.due_at,
    flapping_since = excluded.flapping_since

-- name: add_delivery
INSERT INTO deliveries (receiver, kind, status, title, body, line, priority, alert_count, fingerprints, heard_at)
VALUES (%(receiver)s, %(kind)s, 'pending', %(title)s, %(body)s, %(line)s, %(priority)s, %(alert_count)s,
    %(fingerprints)s, %(heard_at)s)
RETURNING id

-- name: import_delivery
UPDATE deliveries SET status = 'delivered', attempts = 1, started_at = %(at)s, finished_at = %(at)s,
    receipt = %(receipt)s
WHERE id = %(id)s

-- name: interrupted_deliveries
UPDATE deliveries SET status = 'pending', is_possible_repeat = true, last_error = %(error)s WHERE status = 'sending'

-- name: waiting_deliveries
-- One whose last attempt is in the future waits no longer: the clock has stepped back. One that was not tried yet does
-- not wait at all: it was recorded by the server's clock, of which ours may be behind.
SELECT * FROM deliveries
WHERE receiver = %(receiver)s AND status = 'pending'
    AND (attempts = 0 OR not_before <= %(now)s OR started_at > %(now)s)
ORDER BY kind <> 'escalation', priority, id
LIMIT %(limit)s

-- name: next_waiting_delivery
SELECT min(not_before) FROM deliveries WHERE receiver = %(receiver)s AND status = 'pending'

-- name: sent_times
SELECT started_at FROM deliveries WHERE receiver = %(receiver)s AND started_at > %(since)s

-- name: fold_deliveries
UPDATE deliveries SET status = 'folded', folded_into = %(digest)s, finished_at = now()
WHERE id = ANY(%(members)s) AND status = 'pending'

-- name: read_delivery
SELECT * FROM deliveries WHERE id = %(id)s

-- name: begin_delivery
UPDATE deliveries SET status = 'sending', attempts = attempts + 1, started_at = %(now)s
WHERE id = %(id)s AND status = 'pending'
RETURNING *

-- name: finish_delivery
UPDATE deliveries SET status = 'delivered', finished_at = %(now)s, receipt = %(receipt)s, last_error = ''
WHERE id = %(id)s AND status IN ('sending', 'pending')

-- name: fail_delivery
UPDATE deliveries SET status = CASE WHEN %(retry_at)s::timestamptz IS NULL THEN 'dead' ELSE 'pending' END,
    finished_at = %(now)s, not_before = coalesce(%(retry_at)s, not_before), last_error = %(error)s,
    is_possible_repeat = is_possible_repeat OR %(is_uncertain)s
WHERE id = %(id)s AND status = 'sending'

-- name: list_deliveries
SELECT * FROM deliveries
WHERE (%(status)s::text IS NULL OR status = %(status)s)
    AND (%(receiver)s::text IS NULL OR receiver = %(receiver)s)
    AND (%(fingerprint)s::text IS NULL OR fingerprints @> ARRAY[%(fingerprint)s])
ORDER BY id DESC
LIMIT %(limit)s

-- name: redeliver
UPDATE deliveries SET status = 'pending', attempts = 0, not_before = %(now)s,
    is_possible_repeat = is_possible_repeat OR status = 'delivered'
WHERE id = %(id)s AND status IN ('dead', 'delivered')
RETURNING *

-- name: count_deliveries
SELECT receiver, status, count(*) FROM deliveries WHERE status IN ('pending', 'sending') GROUP BY receiver, status
UNION ALL
SELECT receiver, 'dead', count(*) FROM deliveries WHERE status = 'dead' GROUP BY receiver

-- name: delete_old_deliveries
DELETE FROM deliveries WHERE created_at < %(before)s AND status IN ('delivered', 'folded', 'dead')

-- name: delete_old_knowledge
DELETE FROM notification_knowledge WHERE firing_told_at < %(before)s AND state = 'resolved' AND due_at IS NULL
    AND flapping_since IS NULL
