-- Title:  Derived cubes that do not hold what the cubes they are made of sum to: not refreshed, or joined wrongly
-- Fills:  nothing: gives cube and measure that differ, with both figures
-- Reads:  mart.claims_rolling_plan, claims_monthly_service, claims_monthly_lag, claims_quarterly_provider,
-- Values: none
-- Reads too: etl.source_file; of mart: claims_yearly_member, denials_yearly_plan, enrollment_monthly_plan,
-- enrollment_movement_monthly, adjustment_monthly; and derived of them plan_performance, loss_ratio_monthly,
-- pmpm_service_category, claim_lag_triangle, provider_performance, denials_transparency, enrollment_movement,
-- high_cost_claimants, retro_activity.
WITH services AS MATERIALIZED (
    SELECT
        sum(cube.claim_count) AS claim_count,
        sum(cube.line_count) AS line_count,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.claims_monthly_service AS cube
),

loss_ratio AS MATERIALIZED (
    SELECT
        sum(cube.claim_count) AS claim_count,
        sum(cube.paid_amount) AS paid_amount,
        sum(cube.member_month_count) AS member_month_count,
        sum(cube.gross_premium_amount) AS gross_premium_amount
    FROM mart.loss_ratio_monthly AS cube
),

premiums AS MATERIALIZED (
    SELECT
        sum(cube.member_month_count) AS member_month_count,
        sum(cube.gross_premium_amount) AS gross_premium_amount
    FROM mart.enrollment_monthly_plan AS cube
),

pmpm AS MATERIALIZED (
    SELECT
        sum(cube.line_count) AS line_count,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.pmpm_service_category AS cube
    WHERE cube.grouping_id = 0
),

lags AS MATERIALIZED (
    SELECT
        sum(cube.allowed_amount) AS allowed_amount,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.claims_monthly_lag AS cube
    -- What was never paid has no lag.
    WHERE cube.paid_month_start_date < DATE '9999-01-01'
),

triangle AS MATERIALIZED (
    SELECT
        sum(cube.allowed_amount) AS allowed_amount,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.claim_lag_triangle AS cube
),

quarters AS MATERIALIZED (
    SELECT
        sum(cube.line_count) AS line_count,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.claims_quarterly_provider AS cube
    -- The quarters that are kept: that of the latest delivery and the one before.
    WHERE
        4 * cube.calendar_year + cube.quarter_number >= (
            SELECT 4 * extract(YEAR FROM max(file.as_of)) + extract(QUARTER FROM max(file.as_of)) - 1
            FROM etl.source_file AS file
            WHERE file.feed IN ('claims', 'enrollments') AND file.status = 'in_force'
        )
),

providers AS MATERIALIZED (
    SELECT
        sum(cube.line_count) AS line_count,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.provider_performance AS cube
),

denials AS MATERIALIZED (
    SELECT
        sum(cube.line_count) AS line_count,
        sum(cube.billed_amount) AS billed_amount
    FROM mart.denials_yearly_plan AS cube
    WHERE cube.tc_reason_code <> 'not_denied'
),

transparency AS MATERIALIZED (
    SELECT
        sum(cube.denied_line_count) AS line_count,
        sum(cube.denied_billed_amount) AS billed_amount
    FROM mart.denials_transparency AS cube
    WHERE cube.tc_reason_code = '(all)'
),

movements AS MATERIALIZED (
    SELECT
        sum(cube.member_count) FILTER (WHERE cube.movement_code = 'added') AS added_count,
        sum(cube.member_count) FILTER (WHERE cube.movement_code = 'terminated') AS terminated_count
    FROM mart.enrollment_movement_monthly AS cube
),

movement AS MATERIALIZED (
    SELECT
        sum(cube.added_count) AS added_count,
        sum(cube.terminated_count) AS terminated_count
    FROM mart.enrollment_movement AS cube
),

high_cost AS MATERIALIZED (
    SELECT sum(cube.paid_amount) AS paid_amount
    FROM mart.claims_yearly_member AS cube
    WHERE cube.paid_amount >= 100000 AND cube.member_durable_key <> -1
),

claimants AS MATERIALIZED (
    SELECT sum(cube.paid_amount) AS paid_amount
    FROM mart.high_cost_claimants AS cube
),

adjustments AS MATERIALIZED (
    SELECT sum(cube.gross_premium_amount) AS gross_premium_amount
    FROM mart.adjustment_monthly AS cube
),

activity AS MATERIALIZED (
    SELECT sum(cube.net_gross_premium_amount) AS gross_premium_amount
    FROM mart.retro_activity AS cube
)

SELECT
    compared.cube || ' ' || compared.measure || ': ' || COALESCE(compared.expected, 0) || ' expected, '
    || COALESCE(compared.found, 0) || ' found' AS failed_key
FROM services
CROSS JOIN loss_ratio
CROSS JOIN premiums
CROSS JOIN pmpm
CROSS JOIN lags
CROSS JOIN triangle
CROSS JOIN quarters
CROSS JOIN providers
CROSS JOIN denials
CROSS JOIN transparency
CROSS JOIN movements
CROSS JOIN movement
CROSS JOIN high_cost
CROSS JOIN claimants
CROSS JOIN adjustments
CROSS JOIN activity
CROSS JOIN
    LATERAL (
        VALUES
        ('loss_ratio_monthly', 'claim_count', services.claim_count, loss_ratio.claim_count),
        ('loss_ratio_monthly', 'paid_amount', services.paid_amount, loss_ratio.paid_amount),
        ('loss_ratio_monthly', 'member_month_count', premiums.member_month_count, loss_ratio.member_month_count),
        ('loss_ratio_monthly', 'gross_premium_amount', premiums.gross_premium_amount, loss_ratio.gross_premium_amount),
        ('pmpm_service_category', 'line_count', services.line_count, pmpm.line_count),
        ('pmpm_service_category', 'paid_amount', services.paid_amount, pmpm.paid_amount),
        ('claim_lag_triangle', 'allowed_amount', lags.allowed_amount, triangle.allowed_amount),
        ('claim_lag_triangle', 'paid_amount', lags.paid_amount, triangle.paid_amount),
        ('provider_performance', 'line_count', quarters.line_count, providers.line_count),
        ('provider_performance', 'paid_amount', quarters.paid_amount, providers.paid_amount),
        ('denials_transparency', 'denied_line_count', denials.line_count, transparency.line_count),
        ('denials_transparency', 'denied_billed_amount', denials.billed_amount, transparency.billed_amount),
        ('enrollment_movement', 'added_count', movements.added_count, movement.added_count),
        ('enrollment_movement', 'terminated_count', movements.terminated_count, movement.terminated_count),
        ('high_cost_claimants', 'paid_amount', high_cost.paid_amount, claimants.paid_amount),
        ('retro_activity', 'net_gross_premium_amount', adjustments.gross_premium_amount, activity.gross_premium_amount)
    ) AS compared (cube, measure, expected, found)
WHERE COALESCE(compared.expected, 0) <> COALESCE(compared.found, 0)
UNION ALL
SELECT 'plan_performance ' || performance.plan_id || ' ' || performance.calendar_date AS failed_key
FROM mart.plan_performance AS performance
LEFT JOIN mart.claims_rolling_plan AS cube
    ON
        performance.plan_id = cube.plan_id
        AND performance.calendar_date = cube.calendar_date
WHERE
    (
        performance.claim_count, performance.paid_amount, performance.rolling_30_day_claim_count,
        performance.rolling_30_day_allowed_amount, performance.rolling_30_day_paid_amount
    )
    <> (
        COALESCE(cube.claim_count, 0), COALESCE(cube.paid_amount, 0), COALESCE(cube.rolling_30_day_claim_count, 0),
        COALESCE(cube.rolling_30_day_allowed_amount, 0), COALESCE(cube.rolling_30_day_paid_amount, 0)
    )
