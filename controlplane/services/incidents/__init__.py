"""Incidents: opening, joining, the timeline, the report."""
