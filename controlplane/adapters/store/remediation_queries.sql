-- Named queries of remediation.

-- name: interrupt_remediations
WITH ended AS (
    UPDATE remediations SET outcome = 'interrupted', finished_at = %(now)s, detail = %(detail)s
    WHERE outcome = 'running' AND (owner = %(owner)s OR ends_by < %(now)s)
    RETURNING action_id
)
UPDATE actions SET outcome = 'interrupted', until = %(now)s, detail = actions.detail || ': ' || %(detail)s
FROM ended WHERE actions.id = ended.action_id

-- name: list_remediations
SELECT id, remedy, fingerprint, alert, incident, deed, outcome, detail, started_at, finished_at FROM remediations
WHERE %(since)s::timestamptz IS NULL OR started_at > %(since)s OR finished_at IS NULL OR finished_at > %(since)s
ORDER BY started_at DESC, id DESC
LIMIT %(limit)s

-- name: begin_remediation
INSERT INTO remediations (remedy, fingerprint, alert, incident, deed, outcome, detail, started_at, owner, ends_by)
VALUES (%(remedy)s, %(fingerprint)s, %(alert)s, %(incident)s, %(deed)s, 'running', '', %(now)s, %(owner)s, %(until)s)
ON CONFLICT ((true)) WHERE outcome = 'running' DO NOTHING
RETURNING id, remedy, fingerprint, alert, incident, deed, outcome, detail, started_at, finished_at

-- name: note_remediation_action
UPDATE remediations SET action_id = %(action_id)s WHERE id = %(id)s

-- name: finish_remediation
-- An attempt that was taken for dead and ends after all says how it ended.
WITH ended AS (
    UPDATE remediations SET outcome = %(outcome)s, detail = %(detail)s, finished_at = %(at)s
    WHERE id = %(id)s AND outcome IN ('running', 'interrupted')
    RETURNING action_id
)
UPDATE actions SET outcome = CASE WHEN %(outcome)s IN ('succeeded', 'would_run') THEN 'succeeded' ELSE 'failed' END,
    until = %(at)s, detail = %(detail)s
FROM ended WHERE actions.id = ended.action_id
