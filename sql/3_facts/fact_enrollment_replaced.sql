-- Title:  Enrollment transactions that a later delivery brings anew
-- Fills:  warehouse.fact_enrollment: takes the earlier rows out
-- Reads:  work_enrollment
-- Values: none
DELETE FROM warehouse.fact_enrollment AS fact
USING work_enrollment AS incoming
WHERE fact.transaction_id = incoming.transaction_id
