-- Title:  Versions and reversals of the families with several versions that are still missing
-- Fills:  warehouse.fact_claim_line, one row per claim version, line and sign
-- Reads:  work_claim_added
-- Values: none
INSERT INTO warehouse.fact_claim_line
SELECT added.*
FROM work_claim_added AS added
