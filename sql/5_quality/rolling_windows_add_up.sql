-- Title:  Plans whose days are not those of the daily cube, or whose rolling windows do not hold each day thirty times
-- Fills:  nothing: gives the plans that fail
-- Reads:  mart.claims_rolling_plan, mart.claims_daily_plan, warehouse.dim_plan
-- Values: none
WITH plan AS (
    SELECT DISTINCT
        version.plan_durable_key,
        version.plan_id
    FROM warehouse.dim_plan AS version
),

days AS (
    SELECT
        plan.plan_id,
        sum(cube.claim_count) AS claim_count,
        sum(cube.allowed_amount) AS allowed_amount,
        sum(cube.paid_amount) AS paid_amount,
        sum(cube.settled_paid_amount) AS settled_paid_amount
    FROM mart.claims_daily_plan AS cube
    INNER JOIN plan
        ON cube.plan_durable_key = plan.plan_durable_key
    GROUP BY plan.plan_id
),

windows AS (
    SELECT
        cube.plan_id,
        sum(cube.claim_count) AS day_claim_count,
        sum(cube.paid_amount) AS day_paid_amount,
        sum(cube.rolling_30_day_claim_count) AS claim_count,
        sum(cube.rolling_30_day_allowed_amount) AS allowed_amount,
        sum(cube.rolling_30_day_paid_amount) AS paid_amount,
        sum(cube.rolling_30_day_settled_paid_amount) AS settled_paid_amount
    FROM mart.claims_rolling_plan AS cube
    GROUP BY cube.plan_id
)

SELECT COALESCE(days.plan_id, windows.plan_id) AS failed_key
FROM days
FULL JOIN windows
    ON days.plan_id = windows.plan_id
WHERE
    COALESCE(days.claim_count, 0) <> COALESCE(windows.day_claim_count, 0)
    OR COALESCE(days.paid_amount, 0) <> COALESCE(windows.day_paid_amount, 0)
    OR 30 * COALESCE(days.claim_count, 0) <> COALESCE(windows.claim_count, 0)
    OR 30 * COALESCE(days.allowed_amount, 0) <> COALESCE(windows.allowed_amount, 0)
    OR 30 * COALESCE(days.paid_amount, 0) <> COALESCE(windows.paid_amount, 0)
    OR 30 * COALESCE(days.settled_paid_amount, 0) <> COALESCE(windows.settled_paid_amount, 0)
