-- Title:  Claim families whose lines cannot go straight in: several versions, linked, known already, or no line 1
-- Fills:  work_claim_family, one row per such family
-- Reads:  staging.stg_claim, work_claim_link, warehouse.fact_claim
-- Values: :loads
CREATE TEMPORARY TABLE work_claim_family ON COMMIT DROP AS
WITH incoming AS (
    SELECT claim.claim_id
    FROM staging.stg_claim AS claim
    WHERE claim.load_id = ANY(:loads)
    GROUP BY claim.claim_id
    HAVING
        min(claim.claim_version_number) <> max(claim.claim_version_number)
        OR min(claim.load_id) <> max(claim.load_id)
        OR bool_or(claim.claim_frequency_code <> '1')
        OR min(claim.claim_line_number) <> 1
)

SELECT incoming.claim_id AS claim_family_id
FROM incoming
UNION
SELECT known.claim_family_id
FROM warehouse.fact_claim AS known
INNER JOIN staging.stg_claim AS claim
    ON known.claim_family_id = claim.claim_id
WHERE claim.load_id = ANY(:loads)
UNION
SELECT link.claim_id
FROM work_claim_link AS link
UNION
SELECT link.claim_family_id
FROM work_claim_link AS link
