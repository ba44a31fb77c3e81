-- Title:  Rows of the families with several versions that are still missing
-- Fills:  work_claim_added, one row per claim version, line and sign
-- Reads:  work_claim_row, warehouse.fact_claim_line
-- Values: none
CREATE TEMPORARY TABLE work_claim_added ON COMMIT DROP AS
SELECT wanted.*
FROM work_claim_row AS wanted
LEFT JOIN warehouse.fact_claim_line AS fact
    ON
        wanted.member_durable_key = fact.member_durable_key
        AND wanted.service_date = fact.service_date
        AND wanted.claim_id = fact.claim_id
        AND wanted.claim_version_number = fact.claim_version_number
        AND wanted.claim_line_number = fact.claim_line_number
        AND wanted.is_reversal = fact.is_reversal
WHERE fact.member_durable_key IS NULL
