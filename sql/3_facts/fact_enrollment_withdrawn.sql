-- Title:  Enrollment transactions of loads that are no longer in force
-- Fills:  warehouse.fact_enrollment: takes them out
-- Reads:  nothing else
-- Values: :withdrawn
DELETE FROM warehouse.fact_enrollment AS fact
WHERE fact.load_id = ANY(:withdrawn)
