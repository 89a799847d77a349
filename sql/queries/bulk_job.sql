-- look --
-- Mappings with at least :at_least edits that are due and wait for no person, whose last Bulk API job did not fail as a
-- whole within the hour; and the jobs that want a step. Asked before every drain, so it is one statement.
SELECT coalesce((
           SELECT json_agg(m.id ORDER BY m.id)
             FROM isthmus.sync_configurations AS m
            WHERE m.is_active
              AND m.sync_direction <> 'SF_TO_PG'
              AND (SELECT count(*)
                     FROM (
                         SELECT
                           FROM isthmus.change_log AS c
                          WHERE c.table_name = m.pg_table_name
                            AND (c.state = 'new' OR (c.state = 'retry' AND c.next_attempt_at <= :now))
                            AND (c.held_at IS NULL OR c.decided_at IS NOT NULL)
                          LIMIT :at_least
                     ) AS waiting) >= :at_least
              AND NOT EXISTS (
                      SELECT
                        FROM isthmus.bulk_job AS j
                       WHERE j.sync_config_id = m.id
                         AND (j.state = 'gathering'
                              OR (j.state = 'failed' AND j.updated_at > :now ::timestamptz - interval '1 hour'))
                  )
       ), '[]') AS backlogs,
       coalesce((
           SELECT json_agg(j.id ORDER BY j.next_poll_at)
             FROM isthmus.bulk_job AS j
            WHERE j.state IN ('gathering', 'sealed', 'uploaded', 'running')
              AND j.next_poll_at <= :now
       ), '[]') AS due

-- open --
-- A new job that gathers; its id; none where the mapping has been deleted. Should its drainer die, it is sealed as it is once next_poll_at is over.
INSERT INTO isthmus.bulk_job (sync_config_id, created_at, updated_at, next_poll_at)
SELECT m.id, :now ::timestamptz, :now ::timestamptz, :next_poll_at ::timestamptz
  FROM isthmus.sync_configurations AS m
 WHERE m.id = :mapping_id
RETURNING id

-- attach --
-- These claims travel with the job, whose lease is as long as Salesforce keeps a job.
WITH attached AS (
    UPDATE isthmus.change_log AS c
       SET bulk_job_id = :job, lease_until = :lease_until
     WHERE c.claim = ANY (:claims ::uuid[])
       AND c.state = 'claimed'
)
UPDATE isthmus.bulk_job
   SET records = records + :records, updated_at = :now
 WHERE id = :job

-- seal --
-- Nothing is added any more. A job without records is done.
UPDATE isthmus.bulk_job
   SET state = (CASE WHEN records = 0 THEN 'done' ELSE 'sealed' END)::isthmus.bulk_state,
       updated_at = :now, next_poll_at = :now
 WHERE id = :job
   AND state = 'gathering'

-- turn --
-- Take the job's next step; nobody else takes it before :next_poll_at. What gathered until its drainer died is sealed.
UPDATE isthmus.bulk_job AS j
   SET next_poll_at = :next_poll_at, updated_at = :now,
       state = CASE WHEN j.state = 'gathering' THEN 'sealed' ELSE j.state END
 WHERE j.id = :job
   AND j.state IN ('gathering', 'sealed', 'uploaded', 'running')
   AND j.next_poll_at <= :now
RETURNING j.id, j.sync_config_id, j.state::text, j.sf_jobs

-- note --
-- How far it is.
UPDATE isthmus.bulk_job
   SET state = :state ::isthmus.bulk_state, sf_jobs = :sf_jobs ::jsonb, last_error = coalesce(:error, last_error),
       updated_at = :now, next_poll_at = :next_poll_at
 WHERE id = :job

-- columns --
-- Every column that the job's edits name.
SELECT DISTINCT k.name
  FROM isthmus.change_log AS c
 CROSS JOIN LATERAL jsonb_object_keys(c.new_data) AS k (name)
 WHERE c.bulk_job_id = :job
   AND c.state IN ('claimed', 'sending')

-- start --
-- The job's records are on their way from now on: this counts as an attempt, once.
UPDATE isthmus.change_log AS c
   SET state = 'sending', attempts = c.attempts + 1
 WHERE c.bulk_job_id = :job
   AND c.state = 'claimed'

-- rows --
-- The log rows of the job's next records, in their order; what is settled has left the job.
SELECT c.id, c.table_name, c.record_id, c.claim::text AS claim, c.change_type::text, c.old_data, c.new_data, c.created_at,
       c.state::text, c.attempts
  FROM isthmus.change_log AS c
 WHERE c.bulk_job_id = :job
   AND c.state = 'sending'
   AND c.record_id IN (
           SELECT DISTINCT n.record_id
             FROM isthmus.change_log AS n
            WHERE n.bulk_job_id = :job
              AND n.state = 'sending'
              AND n.record_id > :after
            ORDER BY n.record_id
            LIMIT :limit
       )
 ORDER BY c.record_id, c.id

-- give_up --
-- What the job never reached goes back to the log, to be sent by whatever road is there.
UPDATE isthmus.change_log AS c
   SET state = 'retry', next_attempt_at = :now, lease_until = NULL, bulk_job_id = NULL, last_error = :error
 WHERE c.bulk_job_id = :job
   AND c.state IN ('claimed', 'sending')

-- status --
-- Jobs that are under way.
SELECT j.id AS bulk_job, m.sf_object_name AS object, j.state::text, j.records, j.created_at AS since, j.next_poll_at AS looks_at,
       j.last_error
  FROM isthmus.bulk_job AS j
  JOIN isthmus.sync_configurations AS m ON m.id = j.sync_config_id
 WHERE j.state IN ('gathering', 'sealed', 'uploaded', 'running')
 ORDER BY j.id
