-- name: take_active_lock
SELECT pg_try_advisory_lock(%(key)s)

-- name: last_active
SELECT instance <> %(instance)s AND ended_at IS NULL FROM active_daemon

-- name: announce_active
INSERT INTO active_daemon (instance, since) VALUES (%(instance)s, clock_timestamp())
ON CONFLICT (only_row) DO UPDATE SET instance = excluded.instance, since = excluded.since, ended_at = NULL

-- name: end_active
UPDATE active_daemon SET ended_at = clock_timestamp() WHERE instance = %(instance)s

-- name: active_holder
-- state_change: when the holder's session last asked something, which it does to confirm that it lives
SELECT
    activity.application_name,
    activity.backend_start,
    extract(epoch FROM clock_timestamp() - activity.state_change)::double precision
FROM pg_locks AS held
JOIN pg_stat_activity AS activity USING (pid)
WHERE held.locktype = 'advisory'
    AND held.granted
    AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (held.classid::bigint << 32) + held.objid::bigint = %(key)s
    AND held.objsubid = 1
