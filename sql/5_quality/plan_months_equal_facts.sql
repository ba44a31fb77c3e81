-- Title:  Plans and months that a load touched for which the enrollment cube by plan and the member months do not agree
-- Fills:  nothing: gives the cells that fail
-- Reads:  work_member_month_delta, mart.enrollment_monthly_plan, warehouse.fact_member_month
-- Values: none
WITH touched AS MATERIALIZED (
    SELECT DISTINCT
        delta.month_start_date,
        delta.plan_durable_key
    FROM work_member_month_delta AS delta
),

facts AS (
    SELECT
        touched.*,
        month.*
    FROM touched
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS fact_row_count,
            sum(fact.member_month_count) AS member_month_count,
            sum(fact.gross_premium_amount) AS gross_premium_amount,
            sum(fact.aptc_amount) AS aptc_amount,
            sum(fact.net_premium_amount) AS net_premium_amount
        FROM warehouse.fact_member_month AS fact
        WHERE
            fact.plan_durable_key = touched.plan_durable_key
            AND fact.month_start_date = touched.month_start_date
    ) AS month
)

SELECT 'plan_durable_key ' || facts.plan_durable_key || ' month ' || facts.month_start_date AS failed_key
FROM facts
LEFT JOIN mart.enrollment_monthly_plan AS cube
    ON
        facts.month_start_date = cube.month_start_date
        AND facts.plan_durable_key = cube.plan_durable_key
WHERE
    (
        NULLIF(facts.fact_row_count, 0), facts.member_month_count, facts.gross_premium_amount, facts.aptc_amount,
        facts.net_premium_amount
    )
    IS DISTINCT FROM (
        cube.fact_row_count, cube.member_month_count, cube.gross_premium_amount, cube.aptc_amount,
        cube.net_premium_amount
    )
