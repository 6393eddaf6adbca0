-- SLA reports that are kept: one for each calendar unit, and its files in every format and language.
CREATE TABLE slo_reports (
    id text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('day', 'week', 'month')),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    verdict text NOT NULL CHECK (verdict IN ('met', 'at_risk', 'missed', 'not_enough_data')),
    complete boolean NOT NULL,
    generated_at timestamptz NOT NULL,
    revision integer NOT NULL
);
CREATE INDEX slo_reports_by_end ON slo_reports (ends_at DESC, kind);

CREATE TABLE slo_report_files (
    report_id text NOT NULL REFERENCES slo_reports ON DELETE CASCADE,
    name text NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (report_id, name)
);
