-- Children wait for their parents in the change log; rows born in Salesforce may get an external id there.

ALTER TABLE isthmus.change_log
    ADD COLUMN waits_for text;                       -- the row that must be in Salesforce first: schema.table/key

-- Serves waking: edits whose parent has arrived. Nearly always empty.
CREATE INDEX change_log_waits_for
    ON isthmus.change_log (waits_for)
 WHERE waits_for IS NOT NULL;

ALTER TABLE isthmus.sync_configurations
    ADD COLUMN write_back_external_ids boolean NOT NULL DEFAULT false;  -- a record born without one gets its row's key
