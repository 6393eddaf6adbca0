-- name: keep_drill
INSERT INTO backup_drills (id, started_at, finished_at, outcome, set_id, rpo_seconds, rto_seconds, report)
VALUES (
    %(id)s, %(started_at)s, %(finished_at)s, %(outcome)s, %(set_id)s, %(rpo_seconds)s, %(rto_seconds)s, %(report)s
)
ON CONFLICT (id) DO NOTHING

-- name: drills
SELECT report FROM backup_drills ORDER BY started_at DESC LIMIT %(limit)s
