-- Title:  Members that claims or enrollments name
-- Fills:  work_named_member, one row per member and the load that named it first
-- Reads:  staging.stg_claim, stg_enrollment
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
    WHERE claim.load_id = ANY(:claims) AND claim.member_id IS NOT NULL
    GROUP BY claim.member_id
    UNION ALL
    SELECT
        enrollment.member_id,
        min(enrollment.load_id) AS load_id,
        min(enrollment.load_timestamp) AS load_timestamp
    FROM staging.stg_enrollment AS enrollment
    WHERE enrollment.load_id = ANY(:enrollments)
    GROUP BY enrollment.member_id
) AS either
GROUP BY either.member_id
