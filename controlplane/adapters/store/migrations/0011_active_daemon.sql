-- Which daemon was active last, so that the next one knows whether somebody else may still believe to be.
CREATE TABLE active_daemon (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    instance text NOT NULL,
    since timestamptz NOT NULL,
    ended_at timestamptz
);
