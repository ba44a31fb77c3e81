-- Title:  Plans that claims or enrollments name and dim_plan does not know
-- Fills:  work_named_plan, one row per plan and the load that named it first
-- Reads:  staging.stg_claim, stg_enrollment, warehouse.dim_plan
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
    FROM staging.stg_claim AS claim
    LEFT JOIN warehouse.dim_plan AS known
        ON
            claim.plan_id = known.plan_id
            AND extract(YEAR FROM claim.service_date)::integer = known.plan_year
    WHERE claim.load_id = ANY(:claims) AND claim.plan_id IS NOT NULL AND known.plan_id IS NULL
    GROUP BY claim.plan_id, extract(YEAR FROM claim.service_date)::integer
    UNION ALL
    SELECT
        enrollment.plan_id,
        enrollment.plan_year,
        min(enrollment.load_id) AS load_id,
        min(enrollment.load_timestamp) AS load_timestamp
    FROM staging.stg_enrollment AS enrollment
    LEFT JOIN warehouse.dim_plan AS known
        ON
            enrollment.plan_id = known.plan_id
            AND enrollment.plan_year = known.plan_year
    WHERE enrollment.load_id = ANY(:enrollments) AND known.plan_id IS NULL
    GROUP BY enrollment.plan_id, enrollment.plan_year
) AS either
GROUP BY either.plan_id, either.plan_year
