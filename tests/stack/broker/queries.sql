-- settings --
SELECT name, value
  FROM setting;

-- set --
INSERT INTO setting (name, value)
VALUES (:name, :value)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- topics --
SELECT name, body
  FROM topic;

-- put_topic --
INSERT INTO topic (name, body)
VALUES (:name, :body)
    ON CONFLICT (name) DO UPDATE SET body = excluded.body;

-- drop_topic --
DELETE FROM topic
 WHERE name = :name;

-- subscriptions --
SELECT id, body
  FROM subscription;

-- put_subscription --
-- The id of a subscription never changes, whatever else is updated.
INSERT INTO subscription (name, body)
VALUES (:name, :body)
    ON CONFLICT (name) DO UPDATE SET body = excluded.body;

-- subscription_id --
SELECT id
  FROM subscription
 WHERE name = :name;

-- drop_subscription --
DELETE FROM subscription
 WHERE id = :subscription;

-- drop_deliveries --
DELETE FROM delivery
 WHERE subscription_id = :subscription;

-- add_message --
INSERT INTO message (id, body)
VALUES (?, ?);

-- add_delivery --
INSERT INTO delivery (message_id, subscription_id, published_at, state, due_at, ordering_key)
VALUES (?, ?, ?, 'waiting', ?, ?);

-- claimable --
-- What may go out now, longest due first. Where order is kept, a message waits for the earlier ones of its key.
SELECT d.message_id, d.attempts, m.body
  FROM delivery AS d
  JOIN message AS m ON m.id = d.message_id
 WHERE d.subscription_id = :subscription
   AND d.state = 'waiting'
   AND d.due_at <= :now
   AND d.published_at >= :retained_from
   AND (d.ordering_key IS NULL
        OR NOT EXISTS (
               SELECT 1
                 FROM delivery AS earlier
                WHERE earlier.subscription_id = d.subscription_id
                  AND earlier.ordering_key = d.ordering_key
                  AND earlier.message_id < d.message_id
                  AND earlier.state <> 'acked'
           ))
 ORDER BY d.due_at, d.message_id
 LIMIT :limit;

-- lease --
UPDATE delivery
   SET state = 'leased', due_at = ?, attempts = attempts + 1
 WHERE message_id = ?
   AND subscription_id = ?;

-- expired --
-- Leases that ran out: nobody acknowledged in time.
SELECT message_id, attempts, due_at
  FROM delivery
 WHERE subscription_id = :subscription
   AND state = 'leased'
   AND due_at <= :now;

-- next_waiting --
SELECT d.due_at
  FROM delivery AS d
 WHERE d.subscription_id = :subscription
   AND d.state = 'waiting'
   AND d.published_at >= :retained_from
   AND (d.ordering_key IS NULL
        OR NOT EXISTS (
               SELECT 1
                 FROM delivery AS earlier
                WHERE earlier.subscription_id = d.subscription_id
                  AND earlier.ordering_key = d.ordering_key
                  AND earlier.message_id < d.message_id
                  AND earlier.state <> 'acked'
           ))
 ORDER BY d.due_at
 LIMIT 1;

-- next_expiry --
SELECT due_at
  FROM delivery
 WHERE subscription_id = :subscription
   AND state = 'leased'
 ORDER BY due_at
 LIMIT 1;

-- leased_count --
SELECT count(*)
  FROM delivery
 WHERE subscription_id = :subscription
   AND state = 'leased'
   AND due_at > :now;

-- leased --
-- The delivery that an ack id names, if its lease still stands.
SELECT attempts
  FROM delivery
 WHERE message_id = :message
   AND subscription_id = :subscription
   AND state = 'leased'
   AND attempts = :attempts;

-- extend --
UPDATE delivery
   SET due_at = :due_at
 WHERE message_id = :message
   AND subscription_id = :subscription
   AND state = 'leased'
   AND attempts = :attempts;

-- release --
UPDATE delivery
   SET state = 'waiting', due_at = :due_at
 WHERE message_id = :message
   AND subscription_id = :subscription;

-- release_all --
-- After a start: whoever held these leases spoke to a broker that is gone.
UPDATE delivery
   SET state = 'waiting', due_at = :now
 WHERE state = 'leased';

-- settle --
DELETE FROM delivery
 WHERE message_id = :message
   AND subscription_id = :subscription;

-- settle_retained --
UPDATE delivery
   SET state = 'acked'
 WHERE message_id = :message
   AND subscription_id = :subscription;

-- body --
SELECT body
  FROM message
 WHERE id = :message;

-- forget --
DELETE FROM message
 WHERE id = :message
   AND NOT EXISTS (SELECT 1 FROM delivery WHERE message_id = :message);

-- forget_all --
DELETE FROM message
 WHERE NOT EXISTS (SELECT 1 FROM delivery WHERE message_id = message.id);

-- drop_older --
DELETE FROM delivery
 WHERE subscription_id = :subscription
   AND published_at < :before;

-- retain_older --
UPDATE delivery
   SET state = 'acked'
 WHERE subscription_id = :subscription
   AND published_at < :before;

-- rewind --
UPDATE delivery
   SET state = 'waiting', due_at = :now, attempts = 0
 WHERE subscription_id = :subscription
   AND published_at >= :since
   AND state = 'acked';
