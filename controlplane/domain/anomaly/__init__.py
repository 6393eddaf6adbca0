"""Anomaly detection: causal detectors with bounded memory, one calibrated score."""
