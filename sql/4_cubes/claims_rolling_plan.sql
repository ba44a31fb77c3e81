-- Title:  Claims of each plan by day, and of the 30 days that end with it
-- Fills:  mart.claims_rolling_plan: what is added to it
-- Reads:  work_claims_daily_plan, warehouse.dim_plan
-- Values: none
WITH plan AS (
    SELECT DISTINCT
        version.plan_durable_key,
        version.plan_id
    FROM warehouse.dim_plan AS version
),

daily AS MATERIALIZED (
    SELECT
        plan.plan_id,
        delta.service_date,
        sum(delta.fact_row_count) AS fact_row_count,
        sum(delta.claim_count) AS claim_count,
        sum(delta.allowed_amount) AS allowed_amount,
        sum(delta.paid_amount) AS paid_amount,
        sum(delta.settled_paid_amount) AS settled_paid_amount
    FROM work_claims_daily_plan AS delta
    INNER JOIN plan
        ON delta.plan_durable_key = plan.plan_durable_key
    GROUP BY plan.plan_id, delta.service_date
),

-- What a day brings comes into the window on that day and leaves it 30 days later.
steps AS (
    SELECT
        moved.plan_id,
        moved.calendar_date,
        sum(moved.is_day * moved.claim_count) AS claim_count,
        sum(moved.is_day * moved.paid_amount) AS paid_amount,
        sum(moved.sign * moved.fact_row_count) AS step_fact_row_count,
        sum(moved.sign * moved.claim_count) AS step_claim_count,
        sum(moved.sign * moved.allowed_amount) AS step_allowed_amount,
        sum(moved.sign * moved.paid_amount) AS step_paid_amount,
        sum(moved.sign * moved.settled_paid_amount) AS step_settled_paid_amount
    FROM (
        SELECT
            daily.*,
            way.sign,
            way.is_day,
            daily.service_date + way.day_count AS calendar_date
        FROM daily
        CROSS JOIN (VALUES (1, 1, 0), (-1, 0, 30)) AS way (sign, is_day, day_count)
    ) AS moved
    GROUP BY moved.plan_id, moved.calendar_date
),

rolling AS (
    SELECT
        steps.plan_id,
        steps.calendar_date,
        steps.claim_count,
        steps.paid_amount,
        lead(steps.calendar_date) OVER by_day - steps.calendar_date AS day_count,
        sum(steps.step_fact_row_count) OVER by_day AS fact_row_count,
        sum(steps.step_claim_count) OVER by_day AS rolling_30_day_claim_count,
        sum(steps.step_allowed_amount) OVER by_day AS rolling_30_day_allowed_amount,
        sum(steps.step_paid_amount) OVER by_day AS rolling_30_day_paid_amount,
        sum(steps.step_settled_paid_amount) OVER by_day AS rolling_30_day_settled_paid_amount
    FROM steps
    WINDOW by_day AS (PARTITION BY steps.plan_id ORDER BY steps.calendar_date)
)

-- A window stays as it is until something comes in or leaves; the day's own figures are those of the first day.
SELECT
    rolling.plan_id,
    rolling.calendar_date + day.number AS calendar_date,
    rolling.fact_row_count,
    CASE WHEN day.number = 0 THEN rolling.claim_count ELSE 0 END AS claim_count,
    CASE WHEN day.number = 0 THEN rolling.paid_amount ELSE 0 END AS paid_amount,
    rolling.rolling_30_day_claim_count,
    rolling.rolling_30_day_allowed_amount,
    rolling.rolling_30_day_paid_amount,
    rolling.rolling_30_day_settled_paid_amount
FROM rolling
CROSS JOIN LATERAL generate_series(0, COALESCE(rolling.day_count, 1) - 1) AS day (number)
WHERE
    (
        rolling.fact_row_count, rolling.claim_count, rolling.paid_amount, rolling.rolling_30_day_claim_count,
        rolling.rolling_30_day_allowed_amount, rolling.rolling_30_day_paid_amount,
        rolling.rolling_30_day_settled_paid_amount
    ) <> (0, 0, 0, 0, 0, 0, 0)
