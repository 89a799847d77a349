-- origin --
-- Tell the capture trigger that what follows in this transaction is ours, for this table only.
SET LOCAL isthmus.origin = :table

-- lock --
-- Lock the rows that the batch may touch, in key order, so that two batches never wait for each
-- other in a circle, and so that the next statement sees every edit that was committed before.
-- Returns nothing: HAVING makes Postgres run it all the same.
SELECT
  FROM (
      SELECT
        FROM {table} AS t
       WHERE t.sfid = ANY (:sfids)
       ORDER BY t.{key}
         FOR NO KEY UPDATE
  ) AS locked
HAVING count(*) < 0

-- versions --
-- The versions of records that have a row, for hints of what it says already. Not of a row that we wrote after it was
-- read: Salesforce may have made something else of that.
SELECT t.sfid, t.system_modstamp, coalesce(t.isthmus_read_at, t.system_modstamp)
  FROM {table} AS t
 WHERE t.sfid = ANY (:sfids)
   AND t.system_modstamp IS NOT NULL
   AND (t.isthmus_written_at IS NULL OR t.isthmus_read_at > t.isthmus_written_at)

-- incoming --
-- The records of some messages, as `apply` takes them.
SELECT r.*
  FROM json_to_recordset(:records ::json) AS r (
           n integer, sfid text, external_id text, stamp timestamptz, read_at timestamptz, settled boolean
           {record_columns}
       )

-- apply --
-- Write every record that is newer than its row, in one guarded statement, and say of each what became of it.
-- A record goes back to the caller unwritten
--   `hint`      where it must be read first: it is older than our own last write; or it was pushed, carries the
--               row's stamp and says something else (two edits shared a second);
--   `buried`    where it may be dead: there is a tombstone of it, or of the row that carried its external id, or
--               that row belongs to another record now;
--   `unsettled` where the row has edits that Salesforce has not got yet, or may have some that are not captured yet;
--   `adopt`     where the row was born here;
--   `overtaken` where the row came into being, or changed unlocked, while this very statement ran.
-- Told are all of them, or only those that go back, beside the numbers of those written and stale.
-- And whether its family is to be looked at: its parent's row may be missing, or its children's rows may have waited for
-- it. A repeated record asks again: who brought it first may have died before it looked.
WITH incoming AS MATERIALIZED (
    {incoming}
), judged AS MATERIALIZED (
    SELECT i.n, t.xmin AS seen,
           CASE
               WHEN (SELECT configuration_version FROM isthmus.identity) <> :configuration THEN 'remapped'
               WHEN EXISTS (SELECT FROM isthmus.tombstone AS b WHERE b.table_name = :table AND b.sfid = i.sfid)
                   THEN 'buried'
               WHEN t.sfid IS NULL AND EXISTS (
                        SELECT
                          FROM isthmus.tombstone AS b
                         WHERE b.table_name = :table
                           AND b.record_id = i.external_id
                           AND (b.sfid IS NULL OR NOT i.settled)
                    ) THEN 'buried'
               WHEN t.sfid IS NULL THEN
                   CASE
                       WHEN i.external_id IS NULL THEN 'insert'
                       ELSE coalesce(
                                (SELECT CASE WHEN born.sfid IS NULL OR i.settled THEN 'adopt' ELSE 'buried' END
                                   FROM {table} AS born
                                  WHERE born.{key} = i.external_id),
                                'insert'
                            )
                   END
               WHEN i.stamp < t.system_modstamp THEN 'stale'
               WHEN i.stamp = t.system_modstamp AND i.read_at < t.isthmus_read_at THEN
                   CASE WHEN i.read_at > i.stamp OR {same} THEN 'stale' ELSE 'hint' END
               WHEN i.read_at < t.isthmus_written_at THEN 'hint'
               WHEN NOT i.settled AND (EXISTS (
                        SELECT
                          FROM isthmus.change_log AS c
                         WHERE c.table_name = :table
                           AND c.record_id = t.{key}
                           AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
                    ){unknown}) THEN 'unsettled'
               WHEN (i.stamp, i.read_at) = (t.system_modstamp, t.isthmus_read_at) THEN
                   CASE WHEN {same} THEN 'stale' ELSE 'hint' END
               ELSE 'update'
           END AS verdict
      FROM incoming AS i
      LEFT JOIN {table} AS t ON t.sfid = i.sfid
), ours AS MATERIALIZED (
    -- A row that was born after `lock` is locked out of turn: only where nobody has to be waited for, else two
    -- batches could wait for each other.
    SELECT t.sfid
      FROM incoming AS i
      JOIN judged AS j USING (n)
      JOIN {table} AS t ON t.sfid = i.sfid
     WHERE j.verdict = 'update'
       FOR NO KEY UPDATE OF t SKIP LOCKED
), updated AS (
    -- Not where such a row has changed since it was judged.
    UPDATE {table} AS t
       SET system_modstamp = i.stamp,
           isthmus_read_at = i.read_at
           {assignments}
      FROM incoming AS i
      JOIN judged AS j USING (n)
      JOIN ours AS o ON o.sfid = i.sfid
     WHERE j.verdict = 'update'
       AND t.sfid = i.sfid
       AND t.xmin = j.seen
    RETURNING t.sfid, ({unresolved}) AS look{image}
), inserted AS (
    -- Never an update of a row that was not locked before: it would be locked out of turn.
    INSERT INTO {table} AS t ({key}, sfid, system_modstamp, isthmus_read_at {columns})
    SELECT coalesce(i.external_id, gen_random_uuid()::text), i.sfid, i.stamp, i.read_at {values}
      FROM incoming AS i
      JOIN judged AS j USING (n)
     WHERE j.verdict = 'insert'
     ORDER BY i.sfid
        ON CONFLICT (sfid) DO NOTHING
    RETURNING t.sfid, t.{key} AS record_id{inserted_image}
), minted AS (
    -- A record without an external id gets its row's key, where the mapping wants it: an edit of ours, sent like any.
    INSERT INTO isthmus.change_log (table_name, record_id, change_type, old_data, new_data)
    SELECT :table, b.record_id, 'UPDATE', jsonb_build_object(:key_column ::text, NULL),
           jsonb_build_object(:key_column ::text, b.record_id)
      FROM inserted AS b
      JOIN incoming AS i USING (sfid)
     WHERE i.external_id IS NULL
       AND :mint
), written AS (
    SELECT sfid, look FROM updated UNION ALL SELECT sfid, true FROM inserted
){known}, counted AS (
    INSERT INTO isthmus.sync_metrics (sync_config_id, direction, synced_count, status, lag_ms)
    SELECT :mapping_id, 'SF_TO_PG', count(*), 'SUCCESS',
           extract(epoch FROM clock_timestamp() - min(i.stamp)) * 1000
      FROM written AS w
      JOIN incoming AS i USING (sfid)
    HAVING count(*) > 0
)
SELECT json_agg(json_build_array(told.n, told.word, told.look)) FILTER (WHERE :every OR told.word NOT IN ('write', 'stale')),
       count(*) FILTER (WHERE told.word = 'write'),
       count(*) FILTER (WHERE told.word = 'stale')
  FROM (
      SELECT j.n,
             CASE
                 WHEN w.sfid IS NOT NULL THEN 'write'
                 WHEN j.verdict IN ('insert', 'update') THEN 'overtaken'
                 ELSE j.verdict
             END AS word,
             coalesce(w.look, j.verdict = 'stale') AS look
        FROM judged AS j
        JOIN incoming AS i USING (n)
        LEFT JOIN written AS w ON w.sfid = i.sfid
  ) AS told

-- lock_rows --
-- Lock the rows of these records, found by Salesforce id or by key, and show them as they are.
SELECT t.{key} AS record_id, t.sfid, t.system_modstamp, t.isthmus_read_at, t.isthmus_written_at, to_jsonb(t.*) AS row
  FROM {table} AS t
 WHERE t.sfid = ANY (:sfids)
    OR t.{key} = ANY (:external_ids)
 ORDER BY t.{key}
   FOR UPDATE

-- adopt --
-- Give rows that were born here the Salesforce id of the record that carries their external id.
UPDATE {table} AS t
   SET sfid = r.sfid,
       system_modstamp = NULL,
       isthmus_read_at = NULL
  FROM json_to_recordset(:pairs ::json) AS r (record_id text, sfid text)
 WHERE t.{key} = r.record_id

-- unsettled --
-- The edits of these records that Salesforce has not got yet, in their order. Locked: a sender that takes them at this
-- moment ends first, and then they are seen as what they are: on their way.
SELECT c.id, c.record_id, c.change_type::text, c.state::text, c.old_data, c.new_data, c.created_at
  FROM isthmus.change_log AS c
 WHERE c.table_name = :table
   AND c.record_id = ANY (:record_ids)
   AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
 ORDER BY c.id
   FOR UPDATE

-- release --
-- Take claimed batches back from the road: the message that carries them is fenced off from now on.
UPDATE isthmus.change_log
   SET state = 'new', claim = NULL, lease_until = NULL
 WHERE state = 'claimed'
   AND claim IN (
           SELECT c.claim
             FROM isthmus.change_log AS c
            WHERE c.id = ANY (:ids)
       )

-- retract --
-- Drop columns from edits that lost against Salesforce, or that are there already.
UPDATE isthmus.change_log AS c
   SET new_data = c.new_data - r.columns,
       old_data = c.old_data - r.columns
  FROM json_to_recordset(:retractions ::json) AS r (id bigint, columns text[])
 WHERE c.id = r.id

-- void --
-- Edits with nothing left to say are done with.
UPDATE isthmus.change_log
   SET state = 'merged', processed_at = :now, next_attempt_at = NULL, last_error = NULL
 WHERE id = ANY (:ids)
   AND new_data = '{}'
   AND change_type = 'UPDATE'

-- conflicts --
-- Keep what both sides wrote, and who won; once, though a record that is read again says the same again.
INSERT INTO isthmus.conflict
       (sync_config_id, record_id, sfid, field, old_value, postgres_value, salesforce_value, winner, policy)
SELECT :mapping_id, r.record_id, r.sfid, r.field, r.old_value, r.postgres_value, r.salesforce_value, r.winner,
       :policy ::isthmus.conflict_policy
  FROM json_to_recordset(:conflicts ::json) AS r (
           record_id text, sfid text, field text, old_value text, postgres_value text, salesforce_value text, winner text
       )
 WHERE NOT EXISTS (
           SELECT
             FROM isthmus.conflict AS k
            WHERE k.sync_config_id = :mapping_id
              AND k.record_id = r.record_id
              AND k.settled_at IS NULL
              AND k.field = r.field
              AND k.winner = r.winner
              AND k.postgres_value IS NOT DISTINCT FROM r.postgres_value
              AND k.salesforce_value IS NOT DISTINCT FROM r.salesforce_value
       )

-- deletions --
-- The unsettled edits of rows that were deleted here and whose deletion Salesforce has not got yet, in their order. Not
-- where a row stands under the key again: that is another life. What we sent of the record after the deletion moved its
-- stamp: the deletion counts as made when that was answered.
SELECT c.id, c.record_id, b.sfid, c.change_type::text, c.state::text, c.old_data, c.new_data,
       CASE WHEN c.change_type = 'DELETE' THEN greatest(c.created_at, b.written_at) ELSE c.created_at END AS created_at
  FROM isthmus.tombstone AS b
  JOIN isthmus.change_log AS c
    ON c.table_name = b.table_name
   AND c.record_id = b.record_id
   AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
 WHERE b.table_name = :table
   AND b.sfid = ANY (:sfids)
   AND NOT EXISTS (
           SELECT
             FROM {table} AS t
            WHERE t.{key} = b.record_id
       )
 ORDER BY c.id
   FOR UPDATE OF c

-- vacant --
-- Which of these keys no row has.
SELECT k.key
  FROM unnest(:record_ids ::text[]) AS k (key)
 WHERE NOT EXISTS (
           SELECT
             FROM {table} AS t
            WHERE t.{key} = k.key
       )

-- lift --
-- Lift the tombstones of records that a read found alive; not those whose deletion is still on its way to Salesforce, or
-- was answered after the read began: it saw the record before it died.
DELETE FROM isthmus.tombstone AS b
 WHERE b.table_name = :table
   AND (b.sfid = ANY (:sfids) OR (b.sfid IS NULL AND b.record_id = ANY (:external_ids)))
   AND NOT EXISTS (
           SELECT
             FROM isthmus.change_log AS c
            WHERE c.table_name = b.table_name
              AND c.record_id = b.record_id
              AND c.change_type = 'DELETE'
              AND (c.state IN ('new', 'claimed', 'sending', 'retry', 'failed') OR c.state = 'done' AND c.processed_at > :read_at ::timestamptz)
       )
RETURNING b.sfid, b.record_id

-- answered --
-- Whether our own deletion of this record was answered after it was read.
SELECT b.sfid
  FROM isthmus.tombstone AS b
  JOIN isthmus.change_log AS c
    ON c.table_name = b.table_name
   AND c.record_id = b.record_id
   AND c.change_type = 'DELETE'
   AND c.state = 'done'
   AND c.processed_at > :read_at ::timestamptz
 WHERE b.table_name = :table
   AND b.sfid = :sfid
 LIMIT 1

-- bury --
-- Leave a tombstone for each record that Salesforce deleted.
INSERT INTO isthmus.tombstone (table_name, record_id, sfid, side)
SELECT :table, r.record_id, r.sfid, 'salesforce'
  FROM json_to_recordset(:pairs ::json) AS r (record_id text, sfid text)
    ON CONFLICT (table_name, sfid) DO NOTHING

-- delete --
-- Delete the rows of records that Salesforce deleted.
DELETE FROM {table} AS t
 WHERE t.sfid = ANY (:sfids)

-- configuration --
-- Which version the configuration has.
SELECT configuration_version
  FROM isthmus.identity

-- buried --
-- Which of these records have a tombstone.
SELECT b.sfid
  FROM isthmus.tombstone AS b
 WHERE b.table_name = :table
   AND b.sfid = ANY (:sfids)

-- orphan --
-- Rows that outlive their deleted record: they are captured again, as new ones.
WITH orphans AS (
    UPDATE {table} AS t
       SET sfid = NULL,
           system_modstamp = NULL,
           isthmus_read_at = NULL
     WHERE t.sfid = ANY (:sfids)
    RETURNING t.*
)
INSERT INTO isthmus.change_log (table_name, record_id, change_type, new_data)
SELECT :table, o.{key}, 'INSERT'::isthmus.change_type, coalesce(jsonb_object_agg(n.name, n.value), '{}')
  FROM orphans AS o
 CROSS JOIN LATERAL jsonb_each(to_jsonb(o.*)) AS n (name, value)
 WHERE n.name = ANY (:columns)
 GROUP BY o.{key}

-- forget --
-- Edits of a record that is gone are done with.
UPDATE isthmus.change_log
   SET state = 'merged', processed_at = :now, next_attempt_at = NULL, lease_until = NULL, last_error = NULL
 WHERE id = ANY (:ids)
   AND state <> 'sending'
