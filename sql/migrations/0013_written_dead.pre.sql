-- A deletion that is still to be sent does not give way to what our own earlier send changed.

ALTER TABLE isthmus.tombstone ADD COLUMN written_at timestamptz;

COMMENT ON COLUMN isthmus.tombstone.written_at IS
    'When we last wrote the record, its row being gone already: of that its stamp tells, not of a person in Salesforce.';
