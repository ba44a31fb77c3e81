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
        sum(delta.fact_row_count)::bigint AS fact_row_count,
        sum(delta.claim_count)::bigint AS claim_count,
        (100 * sum(delta.allowed_amount))::bigint AS allowed_cents,
        (100 * sum(delta.paid_amount))::bigint AS paid_cents,
        (100 * sum(delta.settled_paid_amount))::bigint AS settled_paid_cents
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
        etl.total(moved.is_day * moved.claim_count) AS claim_count,
        etl.total(moved.is_day * moved.paid_cents) AS paid_cents,
        etl.total(moved.sign * moved.fact_row_count) AS step_fact_row_count,
        etl.total(moved.sign * moved.claim_count) AS step_claim_count,
        etl.total(moved.sign * moved.allowed_cents) AS step_allowed_cents,
        etl.total(moved.sign * moved.paid_cents) AS step_paid_cents,
        etl.total(moved.sign * moved.settled_paid_cents) AS step_settled_paid_cents
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
        steps.paid_cents,
        lead(steps.calendar_date) OVER by_day - steps.calendar_date AS day_count,
        etl.total(steps.step_fact_row_count) OVER by_day AS fact_row_count,
        etl.total(steps.step_claim_count) OVER by_day AS rolling_claim_count,
        etl.total(steps.step_allowed_cents) OVER by_day AS rolling_allowed_cents,
        etl.total(steps.step_paid_cents) OVER by_day AS rolling_paid_cents,
        etl.total(steps.step_settled_paid_cents) OVER by_day AS rolling_settled_paid_cents
    FROM steps
    WINDOW by_day AS (PARTITION BY steps.plan_id ORDER BY steps.calendar_date)
)

-- A window stays as it is until something comes in or leaves; the day's own figures are those of the first day.
SELECT
    rolling.plan_id,
    rolling.calendar_date + day.number AS calendar_date,
    rolling.fact_row_count,
    CASE WHEN day.number = 0 THEN rolling.claim_count ELSE 0 END AS claim_count,
    CASE WHEN day.number = 0 THEN 0.01 * rolling.paid_cents ELSE 0 END AS paid_amount,
    rolling.rolling_claim_count AS rolling_30_day_claim_count,
    0.01 * rolling.rolling_allowed_cents AS rolling_30_day_allowed_amount,
    0.01 * rolling.rolling_paid_cents AS rolling_30_day_paid_amount,
    0.01 * rolling.rolling_settled_paid_cents AS rolling_30_day_settled_paid_amount
FROM rolling
CROSS JOIN LATERAL generate_series(0, COALESCE(rolling.day_count, 1) - 1) AS day (number)
WHERE
    (
        rolling.fact_row_count, rolling.claim_count, rolling.paid_cents, rolling.rolling_claim_count,
        rolling.rolling_allowed_cents, rolling.rolling_paid_cents, rolling.rolling_settled_paid_cents
    ) <> (0, 0, 0, 0, 0, 0, 0)
