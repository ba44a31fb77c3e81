-- Title:  Claim families whose lines cannot go straight in: several versions, or known already
-- Fills:  work_claim_family, one row per such family
-- Reads:  staging.stg_claim, warehouse.fact_claim, fact_claim_line
-- Values: :loads, :withdrawn
CREATE TEMPORARY TABLE work_claim_family ON COMMIT DROP AS
WITH incoming AS (
    SELECT
        COALESCE(claim.original_claim_id, claim.claim_id) AS claim_family_id,
        min(claim.claim_id) <> max(claim.claim_id)
        OR min(claim.claim_version_number) <> max(claim.claim_version_number)
        OR min(claim.load_id) <> max(claim.load_id)
        OR max(claim.claim_frequency_code) <> '1' AS has_versions
    FROM staging.stg_claim AS claim
    WHERE claim.load_id = ANY(:loads)
    GROUP BY 1
)

SELECT incoming.claim_family_id
FROM incoming
WHERE incoming.has_versions
UNION
SELECT incoming.claim_family_id
FROM incoming
INNER JOIN warehouse.fact_claim AS known
    ON incoming.claim_family_id = known.claim_family_id
UNION
SELECT withdrawn.claim_family_id
FROM warehouse.fact_claim_line AS withdrawn
WHERE withdrawn.load_id = ANY(:withdrawn)
