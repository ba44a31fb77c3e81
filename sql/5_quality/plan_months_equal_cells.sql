-- Title:  Plans and months that a load touched for which the enrollment cubes, by plan and fine, do not agree
-- Fills:  nothing: gives the cells that fail
-- Reads:  work_member_month_delta, mart.enrollment_monthly_plan, enrollment_monthly, warehouse.dim_plan
-- Values: none
-- That the fine one is right, enrollment_cube_cells_equal_facts tells.
WITH touched AS MATERIALIZED (
    SELECT DISTINCT
        delta.month_start_date,
        delta.plan_durable_key
    FROM work_member_month_delta AS delta
),

-- By these the fine cube is looked up: all versions of the plan, and none in force.
versions AS (
    SELECT
        touched.month_start_date,
        touched.plan_durable_key,
        version.plan_key
    FROM touched
    INNER JOIN warehouse.dim_plan AS version
        ON touched.plan_durable_key = version.plan_durable_key
    UNION
    SELECT
        touched.month_start_date,
        touched.plan_durable_key,
        -2 AS plan_key
    FROM touched
),

cells AS (
    SELECT
        versions.month_start_date,
        versions.plan_durable_key,
        sum(cell.fact_row_count) AS fact_row_count,
        sum(cell.member_month_count) AS member_month_count,
        sum(cell.member_count) AS member_count,
        sum(cell.gross_premium_amount) AS gross_premium_amount,
        sum(cell.aptc_amount) AS aptc_amount,
        sum(cell.net_premium_amount) AS net_premium_amount
    FROM versions
    LEFT JOIN mart.enrollment_monthly AS cell
        ON
            versions.month_start_date = cell.month_start_date
            AND versions.plan_key = cell.plan_key
            AND versions.plan_durable_key = cell.plan_durable_key
    GROUP BY versions.month_start_date, versions.plan_durable_key
)

SELECT 'plan_durable_key ' || cells.plan_durable_key || ' month ' || cells.month_start_date AS failed_key
FROM cells
LEFT JOIN mart.enrollment_monthly_plan AS cube
    ON
        cells.month_start_date = cube.month_start_date
        AND cells.plan_durable_key = cube.plan_durable_key
WHERE
    (
        cells.fact_row_count, cells.member_month_count, cells.member_count, cells.gross_premium_amount,
        cells.aptc_amount, cells.net_premium_amount
    )
    IS DISTINCT FROM (
        cube.fact_row_count, cube.member_month_count, cube.member_count, cube.gross_premium_amount,
        cube.aptc_amount, cube.net_premium_amount
    )
