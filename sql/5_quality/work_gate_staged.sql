-- Title:  The staged claim lines of these loads, added up
-- Fills:  nothing that stays: work_gate_staged, one row per file, voids apart
-- Reads:  staging.stg_claim
-- Values: :loads
CREATE TEMPORARY TABLE work_gate_staged ON COMMIT DROP AS
SELECT
    claim.load_id,
    claim.source_file_id,
    claim.claim_frequency_code = '8' AS is_void,
    count(*) AS row_count,
    -- Equal sums of hashes: the same lines, whatever their order.
    sum(hashtextextended(claim.claim_id, claim.claim_version_number * 100000 + claim.claim_line_number)) AS line_hash,
    sum(claim.billed_amount) AS billed_amount,
    sum(claim.allowed_amount) AS allowed_amount,
    sum(claim.paid_amount) AS paid_amount
FROM staging.stg_claim AS claim
WHERE claim.load_id = ANY(:loads)
GROUP BY claim.load_id, claim.source_file_id, claim.claim_frequency_code = '8'
