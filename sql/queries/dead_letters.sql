-- bury --
-- Keep letters; the same event again counts as one more attempt of the same letter.
INSERT INTO isthmus.dead_letter AS d
       (topic, event_id, sobject, record_id, reason, hint, detail, attempts, payload)
SELECT DISTINCT ON (l.event_id)
       :topic, l.event_id, l.sobject, l.record_id, l.reason, l.hint, l.detail, coalesce(l.attempts, 1), l.payload
  FROM json_to_recordset(:letters ::json) AS l (
           event_id text, sobject text, record_id text, reason text, hint text, detail text, attempts integer, payload jsonb
       )
    ON CONFLICT (topic, event_id) DO UPDATE
   SET reason = excluded.reason, hint = excluded.hint, detail = excluded.detail, payload = excluded.payload,
       attempts = d.attempts + excluded.attempts, state = 'kept', updated_at = now()

-- buried_lately --
-- How many letters of a reason were kept within the last minute.
SELECT count(*)
  FROM isthmus.dead_letter
 WHERE reason = :reason
   AND updated_at > now() - interval '1 minute'

-- list --
-- Letters of a state, newest first, without their payload.
SELECT id, topic, sobject, record_id, reason, hint, detail, attempts, state::text, created_at, updated_at
  FROM isthmus.dead_letter
 WHERE state = :state ::isthmus.dead_letter_state
 ORDER BY updated_at DESC, id DESC
 LIMIT :limit

-- by_reason --
-- What is kept, grouped by reason.
SELECT reason, min(hint) AS hint, count(*) AS letters, min(created_at) AS oldest, max(updated_at) AS newest
  FROM isthmus.dead_letter
 WHERE state = 'kept'
 GROUP BY reason
 ORDER BY count(*) DESC

-- find --
-- Whole letters.
SELECT id, topic, event_id, sobject, record_id, reason, hint, detail, attempts, payload, state::text, created_at, updated_at
  FROM isthmus.dead_letter
 WHERE id = ANY (:ids)
 ORDER BY id

-- kept_for --
-- What is kept for a reason.
SELECT id
  FROM isthmus.dead_letter
 WHERE state = 'kept'
   AND reason = :reason
 ORDER BY id

-- close --
-- A person has decided. Where :attempts is given, not if it has failed once more since it was looked at.
UPDATE isthmus.dead_letter
   SET state = :state ::isthmus.dead_letter_state, updated_at = now(), decided_by = :who
 WHERE id = ANY (:ids)
   AND (:attempts ::integer IS NULL OR attempts = :attempts)

-- ignore_edits --
-- What a person gives up here is given up in the change log too: the failed edits that these letters are about.
UPDATE isthmus.change_log AS c
   SET state = 'ignored', processed_at = now(), claim = NULL, decided_at = now(), decided_by = :who,
       decided_why = 'dead letter discarded'
  FROM isthmus.dead_letter AS d
 WHERE d.id = ANY (:ids)
   AND d.topic = 'postgres-changes'
   AND c.claim::text = d.event_id
   AND c.state = 'failed'
RETURNING c.id

-- heal --
-- A later edit of these records has arrived in Salesforce: their older failures are history.
UPDATE isthmus.dead_letter
   SET state = 'replayed', updated_at = now()
 WHERE topic = 'postgres-changes'
   AND sobject = :sobject
   AND record_id = ANY (:record_ids)
   AND state = 'kept'
