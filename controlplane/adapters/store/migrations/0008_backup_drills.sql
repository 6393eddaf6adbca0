-- Drills of restoring. The history beside the backups has them, too, and is the one that survives this database.
CREATE TABLE backup_drills (
    id text PRIMARY KEY,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('passed', 'failed', 'interrupted')),
    set_id text,
    rpo_seconds double precision,
    rto_seconds double precision,
    report jsonb NOT NULL
);
CREATE INDEX backup_drills_by_time ON backup_drills (started_at);
