-- listen --
-- Hear of captured edits.
LISTEN isthmus_change_log

-- fetch --
-- A statement that does nothing: notifications come along with its answer.
SELECT

-- notify --
-- A word of our own, to hear whether words come through.
NOTIFY isthmus_change_log

-- process --
-- The server process that answers.
SELECT pg_backend_pid()
