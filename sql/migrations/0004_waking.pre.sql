-- Waking: when something is to be tried again.

-- Serves the drainer's question after each run: when is the next attempt due? Holds only what waits for a retry.
CREATE INDEX change_log_retry
    ON isthmus.change_log (next_attempt_at)
 WHERE state = 'retry';
