-- Title:  Links that loads no longer in force told of
-- Fills:  warehouse.claim_link: takes them out
-- Reads:  nothing else
-- Values: :withdrawn
DELETE FROM warehouse.claim_link AS link
WHERE link.load_id = ANY(:withdrawn)
