-- What people decide: failures, conflicts and mass deletions; pauses; which database this is; a view of each row's state.

-- 'ignored' is a person's word about a failed edit, or about a deletion that the guard held: failed, new -> ignored.
ALTER TYPE isthmus.change_state ADD VALUE IF NOT EXISTS 'ignored';

ALTER TABLE isthmus.change_log
    ADD last_hint text,                              -- what to do about last_error
    ADD held_at timestamptz,                         -- the guard against mass deletions waits for a person's word
    ADD decided_at timestamptz,                      -- a person has spoken: ignored, or held no longer
    ADD decided_by text,
    ADD decided_why text;

-- Serves claim: records whose deletion waits for a person. Nearly always empty.
CREATE INDEX change_log_guarded
    ON isthmus.change_log (table_name, record_id)
 WHERE held_at IS NOT NULL AND decided_at IS NULL;

-- Serves the guard: how many rows of a table were deleted lately.
CREATE INDEX change_log_deletions
    ON isthmus.change_log (table_name, created_at)
 WHERE change_type = 'DELETE';

ALTER TABLE isthmus.dead_letter
    ADD decided_by text,
    ADD decided_why text;

-- Open until a person has looked at it: `taken` says whose value stands since then.
ALTER TABLE isthmus.conflict
    ADD settled_at timestamptz,
    ADD settled_by text,
    ADD settled_why text,
    ADD taken text CHECK (taken IN ('salesforce', 'postgres')),
    ADD CONSTRAINT conflict_settled_by_somebody CHECK (num_nulls(settled_at, settled_by, taken) IN (0, 3));

-- Serves the list of open conflicts and the state of each row.
CREATE INDEX conflict_open
    ON isthmus.conflict (sync_config_id, record_id)
 WHERE settled_at IS NULL;

ALTER TABLE isthmus.sync_configurations
    ADD paused_at timestamptz,                       -- when is_active became false, by whom and why
    ADD paused_by text,
    ADD paused_why text,
    -- More deletions than both of these within the window wait for a person's word.
    ADD delete_guard_share real NOT NULL DEFAULT 0.1 CHECK (delete_guard_share BETWEEN 0 AND 1),
    ADD delete_guard_count integer NOT NULL DEFAULT 100 CHECK (delete_guard_count >= 0),
    ADD delete_guard_minutes integer NOT NULL DEFAULT 60 CHECK (delete_guard_minutes > 0);

ALTER TABLE isthmus.sync_metrics
    ADD hourly boolean NOT NULL DEFAULT false;       -- the sum of an hour; the pruning made it

-- Serves the pruning: what is not summed up yet, oldest first.
CREATE INDEX sync_metrics_fresh
    ON isthmus.sync_metrics ("timestamp")
 WHERE NOT hourly;

-- By which signs the database knows itself again, and everything's pause.
ALTER TABLE isthmus.identity
    ADD signs jsonb,                                 -- signs_v1() when it was bound; empty before the first mapping
    ADD bound_at timestamptz,
    ADD paused_at timestamptz,
    ADD paused_by text,
    ADD paused_why text;

-- What tells this database from its copies: a restore elsewhere has another cluster, a restore under another name
-- another name, a restore or promotion in place another timeline, a branch (Neon) another branch. What a role may not
-- ask, or a provider does not offer, is left out.
CREATE FUNCTION isthmus.signs_v1() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found jsonb;
BEGIN
    SELECT jsonb_build_object('database', d.datname, 'database_oid', d.oid::text)
      INTO found
      FROM pg_database AS d
     WHERE d.datname = current_database();
    BEGIN
        found := found || jsonb_strip_nulls(
            jsonb_build_object('branch', nullif(current_setting('neon.timeline_id', true), ''))
        );
    EXCEPTION WHEN insufficient_privilege THEN
        NULL;
    END;
    BEGIN
        found := found || jsonb_build_object('cluster', (SELECT system_identifier::text FROM pg_control_system()));
    EXCEPTION WHEN insufficient_privilege OR undefined_function OR feature_not_supported THEN
        NULL;
    END;
    BEGIN
        found := found || jsonb_build_object('timeline', left(pg_walfile_name(pg_current_wal_lsn()), 8));
    EXCEPTION WHEN insufficient_privilege OR undefined_function OR feature_not_supported
                OR object_not_in_prerequisite_state THEN
        NULL;
    END;
    RETURN found;
END
$$;

UPDATE isthmus.identity
   SET signs = isthmus.signs_v1(), bound_at = now()
 WHERE org_id IS NOT NULL;

-- account_state for salesforce.account, crm_firm_state for crm.firm.
CREATE FUNCTION isthmus.state_view_v1(qualified text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
               WHEN octet_length(n.name) <= 63 THEN n.name
               ELSE left(n.name, 40) || '_' || left(md5(n.name), 8) || '_state'
           END
      FROM (SELECT regexp_replace(replace(qualified, '.', '_'), '^salesforce_', '') || '_state' AS name) AS n
$$;

-- One row for each row of the table, and for each deleted one whose deletion Salesforce has not got yet. Its parts are
-- driven by what they tell, so that one row by key, and all rows of a state, are found without reading the table.
-- Whoever may read the table may read the view.
CREATE FUNCTION isthmus.make_state_view_v1(qualified text, key_column text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format($view$
        CREATE OR REPLACE VIEW isthmus.%1$I AS
        SELECT o.record_id AS %3$I, coalesce(t.sfid, o.sfid) AS sfid, o.state, o.since, o.attempts, o.next_attempt_at,
               o.last_error, o.hint
          FROM (
                   SELECT c.record_id, max(c.old_data ->> 'sfid') AS sfid,
                          CASE
                              WHEN bool_or(c.held_at IS NOT NULL AND c.decided_at IS NULL) THEN 'held'
                              WHEN bool_or(c.state = 'sending') THEN 'sending'
                              WHEN bool_or(c.state = 'retry') THEN 'retrying'
                              WHEN bool_or(c.state <> 'failed') THEN 'waiting'
                              ELSE 'failed'
                          END AS state,
                          min(c.created_at) AS since, max(c.attempts) AS attempts,
                          min(c.next_attempt_at) AS next_attempt_at,
                          (array_agg(c.last_error ORDER BY c.id DESC) FILTER (WHERE c.last_error IS NOT NULL))[1] AS last_error,
                          CASE
                              WHEN bool_or(c.held_at IS NOT NULL AND c.decided_at IS NULL)
                                  THEN 'One of many deletions: isthmus deletes allow, or refuse.'
                              ELSE (array_agg(c.last_hint ORDER BY c.id DESC) FILTER (WHERE c.last_error IS NOT NULL))[1]
                          END AS hint
                     FROM isthmus.change_log AS c
                    WHERE c.table_name = %2$L
                      AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
                    GROUP BY c.record_id
               ) AS o
          LEFT JOIN %4$s AS t
            ON t.%3$I = o.record_id
         WHERE has_table_privilege(%5$L::regclass, 'SELECT')
         UNION ALL
        SELECT t.%3$I, t.sfid, 'conflicted', min(k.created_at), 0, NULL,
               'conflict: ' || string_agg(DISTINCT k.field, ', '), 'isthmus conflicts list --record ' || t.%3$I
          FROM isthmus.conflict AS k
          JOIN isthmus.sync_configurations AS m
            ON m.id = k.sync_config_id
           AND m.pg_table_name = %2$L
          JOIN %4$s AS t
            ON t.%3$I = k.record_id
         WHERE k.settled_at IS NULL
           AND has_table_privilege(%5$L::regclass, 'SELECT')
           AND NOT EXISTS (
                   SELECT
                     FROM isthmus.change_log AS c
                    WHERE c.table_name = %2$L
                      AND c.record_id = t.%3$I
                      AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
               )
         GROUP BY t.%3$I, t.sfid
         UNION ALL
        SELECT t.%3$I, t.sfid, 'synced', greatest(t.isthmus_read_at, t.isthmus_written_at), 0, NULL, NULL, NULL
          FROM %4$s AS t
         WHERE t.sfid IS NOT NULL
           AND has_table_privilege(%5$L::regclass, 'SELECT')
           AND NOT EXISTS (
                   SELECT
                     FROM isthmus.change_log AS c
                    WHERE c.table_name = %2$L
                      AND c.record_id = t.%3$I
                      AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
               )
           AND NOT EXISTS (
                   SELECT
                     FROM isthmus.conflict AS k
                     JOIN isthmus.sync_configurations AS m
                       ON m.id = k.sync_config_id
                      AND m.pg_table_name = %2$L
                    WHERE k.record_id = t.%3$I
                      AND k.settled_at IS NULL
               )
         UNION ALL
        SELECT t.%3$I, t.sfid, 'local', NULL, 0, NULL, NULL, 'Salesforce does not know it: edit it to send it.'
          FROM %4$s AS t
         WHERE t.sfid IS NULL
           AND has_table_privilege(%5$L::regclass, 'SELECT')
           AND NOT EXISTS (
                   SELECT
                     FROM isthmus.change_log AS c
                    WHERE c.table_name = %2$L
                      AND c.record_id = t.%3$I
                      AND c.state IN ('new', 'claimed', 'sending', 'retry', 'failed')
               )
           AND NOT EXISTS (
                   SELECT
                     FROM isthmus.conflict AS k
                     JOIN isthmus.sync_configurations AS m
                       ON m.id = k.sync_config_id
                      AND m.pg_table_name = %2$L
                    WHERE k.record_id = t.%3$I
                      AND k.settled_at IS NULL
               )
        $view$,
        isthmus.state_view_v1(qualified), qualified, key_column,
        format('%I.%I', split_part(qualified, '.', 1), substr(qualified, strpos(qualified, '.') + 1)),
        format('%I.%I', split_part(qualified, '.', 1), substr(qualified, strpos(qualified, '.') + 1)));
    EXECUTE format('GRANT SELECT ON isthmus.%I TO PUBLIC', isthmus.state_view_v1(qualified));
END
$$;

CREATE FUNCTION isthmus.drop_state_view_v1(qualified text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('DROP VIEW IF EXISTS isthmus.%I', isthmus.state_view_v1(qualified));
END
$$;

-- The views can be read by whoever may read their tables; nothing else of the schema is opened.
GRANT USAGE ON SCHEMA isthmus TO PUBLIC;

SELECT isthmus.make_state_view_v1(m.pg_table_name, m.key_column)
  FROM isthmus.sync_configurations AS m
 WHERE to_regclass(format('%I.%I', split_part(m.pg_table_name, '.', 1),
                          substr(m.pg_table_name, strpos(m.pg_table_name, '.') + 1))) IS NOT NULL;
