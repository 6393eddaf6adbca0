"""Control plane of the Claude memory service: checks, alerts, backups, SLOs, anomalies."""
