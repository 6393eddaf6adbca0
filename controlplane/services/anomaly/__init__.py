"""Watching series as they stream: learning, episodes, alerts, feedback."""
