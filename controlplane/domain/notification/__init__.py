"""Who is told of an alert, when, and in how many messages: pure decisions."""
