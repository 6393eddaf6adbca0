"""One module per check kind; each probe measures one thing and returns an Observation."""
