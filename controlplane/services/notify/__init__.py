"""Telling people of alerts: planning, sending, escalating."""
