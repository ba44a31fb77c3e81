-- Title:  Members that these claim lines speak of
-- Fills:  work_claim_member, one row per member
-- Reads:  staging.stg_claim, work_claim_signed, warehouse.dim_member
-- Values: :loads
CREATE TEMPORARY TABLE work_claim_member ON COMMIT DROP AS
WITH incoming AS (
    SELECT DISTINCT claim.member_id
    FROM staging.stg_claim AS claim
    WHERE claim.load_id = ANY(:loads)
)

SELECT DISTINCT member.member_durable_key
FROM incoming
INNER JOIN warehouse.dim_member AS member
    ON incoming.member_id = member.member_id
UNION
SELECT claim.member_durable_key
FROM work_claim_signed AS claim
