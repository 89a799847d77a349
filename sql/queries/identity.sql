-- signs --
-- The signs by which this database was bound, and those that it shows now.
SELECT i.org_id, i.signs, isthmus.signs_v1() AS found, i.bound_at
  FROM isthmus.identity AS i

-- bind --
-- Bind the database anew: it is what it shows now, and belongs to this org.
UPDATE isthmus.identity
   SET signs = isthmus.signs_v1(), bound_at = now(), org_id = :org_id,
       configuration_version = configuration_version + 1

-- open_edits --
-- A table's edits that Salesforce has not got yet, in their order, with what is known of their records.
SELECT c.id, c.record_id, coalesce(t.sfid, b.sfid, c.old_data ->> 'sfid') AS sfid, c.change_type::text, c.state::text,
       c.old_data, c.new_data, c.created_at
  FROM isthmus.change_log AS c
  LEFT JOIN {table} AS t
    ON t.{key} = c.record_id
  LEFT JOIN LATERAL (
           SELECT d.sfid
             FROM isthmus.tombstone AS d
            WHERE d.table_name = c.table_name
              AND d.record_id = c.record_id
            ORDER BY d.id DESC
            LIMIT 1
       ) AS b
    ON true
 WHERE c.table_name = :table
   AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
 ORDER BY c.id

-- let_go --
-- No claim of an earlier life counts: messages that carry one are fenced off.
UPDATE isthmus.change_log AS c
   SET state = 'new', claim = NULL, lease_until = NULL, hold_until = NULL, bulk_job_id = NULL
 WHERE c.state IN ('claimed', 'sending')

-- void --
-- What Salesforce has already is not sent again.
UPDATE isthmus.change_log AS c
   SET state = 'merged', processed_at = :now, claim = NULL, lease_until = NULL, next_attempt_at = NULL,
       decided_at = :now, decided_by = :who, decided_why = :why
 WHERE c.id = ANY (:ids)
   AND c.state IN ('new', 'retry', 'failed')
RETURNING c.id

-- detach --
-- Rows whose records this org does not have: they are found, or made, by their external id.
UPDATE {table} AS t
   SET sfid = NULL, system_modstamp = NULL, isthmus_read_at = NULL, isthmus_written_at = NULL
 WHERE t.{key} = ANY (:record_ids)

-- named_rows --
-- The Salesforce ids that a table knows, a slice at a time.
SELECT t.sfid
  FROM {table} AS t
 WHERE t.sfid > :after ::text
 ORDER BY t.sfid
 LIMIT :limit
