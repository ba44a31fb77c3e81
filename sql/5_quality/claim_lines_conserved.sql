-- Title:  Staged claim lines of these loads that are not in the facts
-- Fills:  nothing: gives the keys that fail
-- Reads:  staging.stg_claim, work_claim_link, warehouse.fact_claim_line
-- Values: :loads
WITH loaded AS MATERIALIZED (
    SELECT
        fact.claim_id,
        fact.claim_version_number,
        fact.claim_line_number,
        fact.load_id
    FROM warehouse.fact_claim_line AS fact
    WHERE fact.load_id = ANY(:loads) AND NOT fact.is_reversal
),

missing AS MATERIALIZED (
    SELECT
        claim.claim_id,
        claim.claim_version_number,
        claim.claim_line_number,
        claim.load_id
    FROM staging.stg_claim AS claim
    LEFT JOIN loaded
        ON
            claim.claim_id = loaded.claim_id
            AND claim.claim_version_number = loaded.claim_version_number
            AND claim.claim_line_number = loaded.claim_line_number
            AND claim.load_id = loaded.load_id
    WHERE claim.load_id = ANY(:loads) AND loaded.claim_id IS NULL
)

SELECT DISTINCT
    missing.claim_id || ' version ' || missing.claim_version_number || ' line ' || missing.claim_line_number AS failed_key
FROM missing
LEFT JOIN work_claim_link AS link
    ON missing.claim_id = link.claim_id
-- A version that was delivered again stands with its latest delivery.
LEFT JOIN warehouse.fact_claim_line AS later
    ON
        COALESCE(link.claim_family_id, missing.claim_id) = later.claim_family_id
        AND missing.claim_id = later.claim_id
        AND missing.claim_version_number = later.claim_version_number
        AND NOT later.is_reversal
        AND missing.load_id <> later.load_id
WHERE later.claim_id IS NULL
