-- An action that opened a maintenance carries its key: whoever ends the window finishes the action, once.
ALTER TABLE actions ADD COLUMN key text UNIQUE;
