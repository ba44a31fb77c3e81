-- Title:  Plans that claims or enrollments name
-- Fills:  work_named_plan, one row per plan and the load that named it first
-- Reads:  staging.stg_claim, stg_enrollment
-- Values: :claims, :enrollments (the loads whose file of the feed is applied)
CREATE TEMPORARY TABLE work_named_plan ON COMMIT DROP AS
SELECT
    either.plan_id,
    either.plan_year,
    min(either.load_id) AS load_id,
    min(either.load_timestamp) AS load_timestamp
FROM (
    SELECT
        claim.plan_id,
        extract(YEAR FROM claim.service_date)::integer AS plan_year,
        min(claim.load_id) AS load_id,
        min(claim.load_timestamp) AS load_timestamp
    FROM (
        SELECT
            line.plan_id,
            line.service_date,
            min(line.load_id) AS load_id,
            min(line.load_timestamp) AS load_timestamp
        FROM staging.stg_claim AS line
        WHERE line.load_id = ANY(:claims) AND line.plan_id IS NOT NULL
        GROUP BY line.plan_id, line.service_date
    ) AS claim
    GROUP BY claim.plan_id, extract(YEAR FROM claim.service_date)::integer
    UNION ALL
    SELECT
        enrollment.plan_id,
        enrollment.plan_year,
        min(enrollment.load_id) AS load_id,
        min(enrollment.load_timestamp) AS load_timestamp
    FROM staging.stg_enrollment AS enrollment
    WHERE enrollment.load_id = ANY(:enrollments)
    GROUP BY enrollment.plan_id, enrollment.plan_year
) AS either
GROUP BY either.plan_id, either.plan_year
