-- Title:  Members that claims or enrollments name and dim_member does not know
-- Fills:  work_named_member, one row per member and the load that named it first
-- Reads:  staging.stg_claim, stg_enrollment, warehouse.dim_member
-- Values: :claims, :enrollments (the loads whose file of the feed is applied)
CREATE TEMPORARY TABLE work_named_member ON COMMIT DROP AS
SELECT
    either.member_id,
    min(either.load_id) AS load_id,
    min(either.load_timestamp) AS load_timestamp
FROM (
    SELECT
        claim.member_id,
        min(claim.load_id) AS load_id,
        min(claim.load_timestamp) AS load_timestamp
    FROM staging.stg_claim AS claim
    LEFT JOIN warehouse.dim_member AS known
        ON claim.member_id = known.member_id
    WHERE claim.load_id = ANY(:claims) AND claim.member_id IS NOT NULL AND known.member_id IS NULL
    GROUP BY claim.member_id
    UNION ALL
    SELECT
        enrollment.member_id,
        min(enrollment.load_id) AS load_id,
        min(enrollment.load_timestamp) AS load_timestamp
    FROM staging.stg_enrollment AS enrollment
    LEFT JOIN warehouse.dim_member AS known
        ON enrollment.member_id = known.member_id
    WHERE enrollment.load_id = ANY(:enrollments) AND known.member_id IS NULL
    GROUP BY enrollment.member_id
) AS either
GROUP BY either.member_id
