-- mappings --
-- Every mapping, with the configuration's version of the same moment; none is active while everything is paused.
SELECT m.id, m.sf_object_name, m.pg_table_name, m.sync_direction::text,
       m.is_active AND i.paused_at IS NULL AS is_active, m.key_column,
       m.external_id_field, m.fields, m.conflict_policy::text, m.write_back_external_ids, m.capture::text, m.filter,
       i.configuration_version
  FROM isthmus.sync_configurations AS m
 CROSS JOIN isthmus.identity AS i
 ORDER BY m.id;

-- outbound_messages --
-- The known field lists of outbound messages.
SELECT sf_object_name, action_id, fields, registered_at
  FROM isthmus.outbound_message
 ORDER BY sf_object_name, action_id;

-- insert_mapping --
-- Store a new mapping.
INSERT INTO isthmus.sync_configurations
       (sf_object_name, pg_table_name, sync_direction, key_column, external_id_field, fields, conflict_policy,
        write_back_external_ids, capture, capture_since, filter)
VALUES (:sobject, :table, :direction ::isthmus.sync_direction, :key_column, :external_id_field, :fields ::jsonb,
        :policy ::isthmus.conflict_policy, :write_back_external_ids, :capture ::isthmus.capture,
        CASE :capture WHEN 'debezium' THEN pg_current_wal_insert_lsn() - '0/0' ELSE 0 END, :filter ::text)
RETURNING id;

-- store_fields --
-- Store a mapping's fields anew, and the external id field, which may have got another name.
UPDATE isthmus.sync_configurations
   SET fields = :fields ::jsonb, external_id_field = :external_id_field, updated_at = now()
 WHERE id = :id;

-- edits_of --
-- How many edits of these columns Salesforce has not got yet.
SELECT count(*)
  FROM isthmus.change_log
 WHERE table_name = :table
   AND new_data ?| :columns
   AND state IN ('new', 'claimed', 'sending', 'retry', 'failed');

-- set_policy --
-- Which policy decides from here on, and whether external ids are written back.
UPDATE isthmus.sync_configurations
   SET conflict_policy = :policy ::isthmus.conflict_policy, write_back_external_ids = :write_back_external_ids,
       updated_at = now()
 WHERE id = :id;

-- set_filter --
-- Which records have rows from here on.
UPDATE isthmus.sync_configurations
   SET filter = :filter ::text, updated_at = now()
 WHERE id = :id;

-- set_capture --
-- Who captures from here on. The caller holds the table's lock, so every edit before this position is committed.
UPDATE isthmus.sync_configurations
   SET capture = :capture ::isthmus.capture, capture_since = pg_current_wal_insert_lsn() - '0/0', updated_at = now()
 WHERE id = :id;

-- delete_mapping --
-- Forget a mapping.
DELETE FROM isthmus.sync_configurations
 WHERE id = :id;

-- void --
-- What was not sent by then never will be: a mapping that is made again must not send edits of its forerunner.
UPDATE isthmus.change_log
   SET state = 'merged', processed_at = now(), next_attempt_at = NULL, lease_until = NULL, claim = NULL,
       last_error = 'mapping_deleted'
 WHERE table_name = :table
   AND state IN ('new', 'claimed', 'sending', 'retry', 'failed')
RETURNING id;

-- set_active --
-- Pause, by whom and why, or resume.
UPDATE isthmus.sync_configurations
   SET is_active = :active, updated_at = now(),
       paused_at = CASE WHEN NOT :active THEN now() END,
       paused_by = CASE WHEN NOT :active THEN :who ::text END,
       paused_why = CASE WHEN NOT :active THEN :why ::text END
 WHERE id = ANY (:ids)
   AND is_active <> :active;

-- pause_all --
-- Pause everything, or resume it: which mappings are paused for themselves stays as it is.
UPDATE isthmus.identity
   SET paused_at = CASE WHEN :paused THEN coalesce(paused_at, now()) END,
       paused_by = CASE WHEN :paused THEN :who ::text END,
       paused_why = CASE WHEN :paused THEN :why ::text END,
       configuration_version = configuration_version + 1;

-- paused_all --
-- Whether everything is paused, by whom and why.
SELECT paused_at, paused_by, paused_why
  FROM isthmus.identity;

-- register_outbound_message --
-- Store which fields a message selects; a newer list replaces the older one.
WITH stored AS (
    INSERT INTO isthmus.outbound_message (sf_object_name, action_id, fields)
    VALUES (:sobject, :action_id, :fields)
        ON CONFLICT (sf_object_name, action_id) DO UPDATE
       SET fields = excluded.fields, registered_at = now()
)
UPDATE isthmus.identity
   SET configuration_version = configuration_version + 1;

-- bind_org --
-- The first one who asks binds the database to its org, and to itself.
UPDATE isthmus.identity
   SET org_id = coalesce(org_id, :org_id),
       signs = CASE WHEN org_id IS NULL THEN isthmus.signs_v1() ELSE signs END,
       bound_at = coalesce(bound_at, now())
RETURNING org_id;
