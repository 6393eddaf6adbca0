-- Reports that were sent: with its message in one transaction, so that nobody gets one for the same period twice.
ALTER TABLE deliveries DROP CONSTRAINT deliveries_kind_check,
    ADD CONSTRAINT deliveries_kind_check CHECK (kind IN ('alert', 'digest', 'escalation', 'canary', 'report'));

CREATE TABLE slo_report_sendings (
    report_id text NOT NULL,
    receiver text NOT NULL,
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (report_id, receiver)
);
