-- Title:  Takes out the rows of families with several versions that should not be, or not so
-- Fills:  warehouse.fact_claim_line
-- Reads:  work_claim_removed
-- Values: none
DELETE FROM warehouse.fact_claim_line AS fact
USING work_claim_removed AS removed
WHERE
    fact.member_durable_key = removed.member_durable_key
    AND fact.service_date = removed.service_date
    AND fact.claim_id = removed.claim_id
    AND fact.claim_version_number = removed.claim_version_number
    AND fact.claim_line_number = removed.claim_line_number
    AND fact.is_reversal = removed.is_reversal
