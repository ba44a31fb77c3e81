-- Title:  Plans that claims or enrollments name before any plan file does
-- Fills:  warehouse.dim_plan: an inferred row with the business key only, filled in place later
-- Reads:  staging.stg_claim, stg_enrollment, warehouse.dim_plan
-- Values: :claims, :enrollments (the loads whose file of the feed is applied)
INSERT INTO warehouse.dim_plan (
    plan_durable_key, plan_key, plan_id, plan_year, start_date, first_observed_date, is_inferred, load_id,
    load_timestamp
)
WITH named AS (
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
)

SELECT
    etl.computed_key(
        octet_length(named.plan_id) || ':' || named.plan_id || ',4:' || named.plan_year::text
    ) AS plan_durable_key,
    etl.computed_key(
        octet_length(named.plan_id) || ':' || named.plan_id || ',4:' || named.plan_year::text || ',10:1900-01-01'
    ) AS plan_key,
    named.plan_id,
    named.plan_year,
    DATE '1900-01-01' AS start_date,
    DATE '1900-01-01' AS first_observed_date,
    TRUE AS is_inferred,
    named.load_id,
    named.load_timestamp
FROM named
LEFT JOIN warehouse.dim_plan AS plan
    ON
        named.plan_id = plan.plan_id
        AND named.plan_year = plan.plan_year
WHERE plan.plan_id IS NULL
