-- Title:  Rows of the families with several versions that should not be, or not so
-- Fills:  work_claim_removed, the rows as they stand
-- Reads:  work_claim_family, work_claim_row, warehouse.fact_claim_line
-- Values: none
CREATE TEMPORARY TABLE work_claim_removed ON COMMIT DROP AS
SELECT fact.*
FROM warehouse.fact_claim_line AS fact
INNER JOIN work_claim_family AS family
    ON fact.claim_family_id = family.claim_family_id
LEFT JOIN work_claim_row AS wanted
    ON
        fact.member_durable_key = wanted.member_durable_key
        AND fact.service_date = wanted.service_date
        AND fact.claim_id = wanted.claim_id
        AND fact.claim_version_number = wanted.claim_version_number
        AND fact.claim_line_number = wanted.claim_line_number
        AND fact.is_reversal = wanted.is_reversal
WHERE wanted.member_durable_key IS NULL OR ROW(fact.*) IS DISTINCT FROM ROW(wanted.*)
