-- Title:  Cells of the enrollment cube that a load touched and that are not the sum of their member months
-- Fills:  nothing: gives the cells that fail
-- Reads:  work_member_month_delta, mart.enrollment_monthly, warehouse.fact_member_month
-- Values: none
WITH touched AS MATERIALIZED (
    SELECT DISTINCT
        delta.month_start_date,
        delta.plan_durable_key,
        delta.plan_key,
        delta.geography_key,
        delta.age_band_code
    FROM work_member_month_delta AS delta
),

facts AS (
    SELECT
        touched.*,
        month.*
    FROM touched
    CROSS JOIN
        LATERAL (
            SELECT
                NULLIF(count(*), 0) AS fact_row_count,
                sum(fact.member_month_count) AS member_month_count,
                sum(fact.is_primary::integer) AS member_count,
                sum(fact.days_covered_count) AS covered_day_count,
                sum(fact.gross_premium_amount) AS gross_premium_amount,
                sum(fact.aptc_amount) AS aptc_amount,
                sum(fact.net_premium_amount) AS net_premium_amount
            FROM warehouse.fact_member_month AS fact
            WHERE
                fact.plan_durable_key = touched.plan_durable_key
                AND fact.month_start_date = touched.month_start_date
                AND fact.geography_key = touched.geography_key
                AND fact.age_band_code = touched.age_band_code
                AND fact.plan_key = touched.plan_key
        ) AS month
)

SELECT
    facts.month_start_date || ' plan_key ' || facts.plan_key || ' geography_key ' || facts.geography_key || ' age '
    || facts.age_band_code AS failed_key
FROM facts
LEFT JOIN mart.enrollment_monthly AS cube
    ON
        facts.month_start_date = cube.month_start_date
        AND facts.plan_key = cube.plan_key
        AND facts.geography_key = cube.geography_key
        AND facts.age_band_code = cube.age_band_code
        AND facts.plan_durable_key = cube.plan_durable_key
WHERE
    (
        facts.fact_row_count, facts.member_month_count, facts.member_count, facts.covered_day_count,
        facts.gross_premium_amount, facts.aptc_amount, facts.net_premium_amount
    )
    IS DISTINCT FROM (
        cube.fact_row_count, cube.member_month_count, cube.member_count, cube.covered_day_count,
        cube.gross_premium_amount, cube.aptc_amount, cube.net_premium_amount
    )
