-- listen --
-- Hear of captured edits.
LISTEN isthmus_change_log

-- fetch --
-- A statement that does nothing: notifications come along with its answer.
SELECT
