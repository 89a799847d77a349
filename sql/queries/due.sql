-- due --
-- When something can be claimed again, and whether something is being sent. Only what an active mapping sends counts:
-- of the others nothing is claimed. Nor do deletions that wait for a person.
WITH active AS MATERIALIZED (
    SELECT m.pg_table_name AS table_name
      FROM isthmus.sync_configurations AS m
     WHERE m.is_active
       AND m.sync_direction <> 'SF_TO_PG'
       AND (SELECT i.paused_at IS NULL FROM isthmus.identity AS i)
)
SELECT least(
           (SELECT min(c.next_attempt_at)
              FROM isthmus.change_log AS c
              JOIN active USING (table_name)
             WHERE c.state = 'retry'),
           (SELECT min(c.hold_until)
              FROM isthmus.change_log AS c
              JOIN active USING (table_name)
             WHERE c.hold_until > :now
               AND c.state IN ('new', 'claimed', 'sending', 'retry')),
           (SELECT :now ::timestamptz
             WHERE EXISTS (
                       SELECT
                         FROM isthmus.change_log AS c
                         JOIN active USING (table_name)
                        WHERE c.state = 'new'
                          AND NOT EXISTS (
                                  SELECT
                                    FROM isthmus.change_log AS held
                                   WHERE held.table_name = c.table_name
                                     AND held.record_id = c.record_id
                                     AND held.hold_until > :now
                              )
                          AND NOT EXISTS (
                                  SELECT
                                    FROM isthmus.change_log AS guarded
                                   WHERE guarded.table_name = c.table_name
                                     AND guarded.record_id = c.record_id
                                     AND guarded.held_at IS NOT NULL
                                     AND guarded.decided_at IS NULL
                              )
                   ))
       ) AS at,
       EXISTS (
           SELECT
             FROM isthmus.change_log AS c
             JOIN active USING (table_name)
            WHERE c.state IN ('claimed', 'sending')
       ) AS under_way
