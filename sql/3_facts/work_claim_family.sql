-- Title:  Claim families whose lines cannot go straight in: several versions, linked, known already, or no line 1
-- Fills:  work_claim_family, one row per such family
-- Reads:  staging.stg_claim, work_claim_link, warehouse.fact_claim
-- Values: :loads
CREATE TEMPORARY TABLE work_claim_family ON COMMIT DROP AS
WITH incoming AS (
    SELECT
        claim.claim_id,
        min(claim.claim_version_number) <> max(claim.claim_version_number)
        OR min(claim.load_id) <> max(claim.load_id)
        OR max(claim.claim_frequency_code) <> '1'
        OR min(claim.claim_line_number) <> 1 AS is_special
    FROM staging.stg_claim AS claim
    WHERE claim.load_id = ANY(:loads)
    GROUP BY claim.claim_id
)

SELECT incoming.claim_id AS claim_family_id
FROM incoming
WHERE incoming.is_special
UNION
SELECT incoming.claim_id
FROM incoming
INNER JOIN warehouse.fact_claim AS known
    ON incoming.claim_id = known.claim_family_id
UNION
SELECT link.claim_id
FROM work_claim_link AS link
UNION
SELECT link.claim_family_id
FROM work_claim_link AS link
