-- Title:  Members and years that a load touched for which the member cubes by year and by month do not agree
-- Fills:  nothing: gives the cells that fail
-- Reads:  work_claim_delta, mart.claims_monthly_member, claims_yearly_member
-- Values: none
-- That the months are right, member_cube_equals_facts tells.
WITH touched AS MATERIALIZED (
    SELECT DISTINCT
        delta.member_durable_key,
        extract(YEAR FROM delta.service_date)::integer AS calendar_year
    FROM work_claim_delta AS delta
),

months AS (
    SELECT
        touched.*,
        month.*
    FROM touched
    CROSS JOIN LATERAL (
        SELECT
            sum(cube.fact_row_count) AS fact_row_count,
            sum(cube.line_count) AS line_count,
            sum(cube.claim_count) AS claim_count,
            sum(cube.billed_amount) AS billed_amount,
            sum(cube.allowed_amount) AS allowed_amount,
            sum(cube.paid_amount) AS paid_amount
        FROM mart.claims_monthly_member AS cube
        WHERE
            cube.member_durable_key = touched.member_durable_key
            AND cube.month_start_date >= make_date(touched.calendar_year, 1, 1)
            AND cube.month_start_date < make_date(touched.calendar_year + 1, 1, 1)
    ) AS month
)

SELECT 'member_durable_key ' || months.member_durable_key || ' year ' || months.calendar_year AS failed_key
FROM months
LEFT JOIN mart.claims_yearly_member AS cube
    ON
        months.member_durable_key = cube.member_durable_key
        AND months.calendar_year = cube.calendar_year
WHERE
    (
        months.fact_row_count, months.line_count, months.claim_count, months.billed_amount, months.allowed_amount,
        months.paid_amount
    )
    IS DISTINCT FROM (
        cube.fact_row_count, cube.line_count, cube.claim_count, cube.billed_amount, cube.allowed_amount,
        cube.paid_amount
    )
