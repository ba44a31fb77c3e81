-- Title:  Staged claim lines of these loads that are not in the facts
-- Fills:  nothing: gives the keys that fail
-- Reads:  staging.stg_claim, warehouse.fact_claim_line
-- Values: :loads
SELECT claim.claim_id || ' version ' || claim.claim_version_number || ' line ' || claim.claim_line_number AS failed_key
FROM staging.stg_claim AS claim
LEFT JOIN warehouse.fact_claim_line AS fact
    ON
        fact.load_id = ANY(:loads)
        AND NOT fact.is_reversal
        AND claim.claim_id = fact.claim_id
        AND claim.claim_version_number = fact.claim_version_number
        AND claim.claim_line_number = fact.claim_line_number
        AND claim.service_date = fact.service_date
WHERE
    claim.load_id = ANY(:loads)
    AND fact.claim_id IS NULL
    -- A version that was delivered again stands with its later delivery.
    AND NOT EXISTS (
        SELECT later.claim_id
        FROM warehouse.fact_claim_line AS later
        WHERE
            later.claim_family_id = COALESCE(claim.original_claim_id, claim.claim_id)
            AND later.claim_id = claim.claim_id
            AND later.claim_version_number = claim.claim_version_number
            AND NOT later.is_reversal
            AND later.load_id <> claim.load_id
    )
