"""The ways to people: Apprise in a process of its own."""
