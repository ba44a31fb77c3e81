-- Title:  Enrollment by month and plan
-- Fills:  mart.enrollment_monthly_plan: adds what the delta sums to
-- Reads:  work_member_month_delta
-- Values: none
INSERT INTO mart.enrollment_monthly_plan AS cube (
    month_start_date, plan_durable_key, fact_row_count, member_month_count, member_count, mid_month_member_count,
    covered_day_count, gross_premium_amount, aptc_amount, net_premium_amount
)
SELECT
    delta.month_start_date,
    delta.plan_durable_key,
    sum(delta.sign) AS fact_row_count,
    sum(delta.sign * delta.member_month_count) AS member_month_count,
    sum(delta.sign * delta.is_primary::integer) AS member_count,
    sum(delta.sign * (delta.is_primary AND delta.is_covered_mid_month)::integer) AS mid_month_member_count,
    sum(delta.sign * delta.days_covered_count) AS covered_day_count,
    sum(delta.sign * delta.gross_premium_amount) AS gross_premium_amount,
    sum(delta.sign * delta.aptc_amount) AS aptc_amount,
    sum(delta.sign * delta.net_premium_amount) AS net_premium_amount
FROM work_member_month_delta AS delta
GROUP BY delta.month_start_date, delta.plan_durable_key
ON CONFLICT (month_start_date, plan_durable_key) DO UPDATE SET
    fact_row_count = cube.fact_row_count + excluded.fact_row_count,
    member_month_count = cube.member_month_count + excluded.member_month_count,
    member_count = cube.member_count + excluded.member_count,
    mid_month_member_count = cube.mid_month_member_count + excluded.mid_month_member_count,
    covered_day_count = cube.covered_day_count + excluded.covered_day_count,
    gross_premium_amount = cube.gross_premium_amount + excluded.gross_premium_amount,
    aptc_amount = cube.aptc_amount + excluded.aptc_amount,
    net_premium_amount = cube.net_premium_amount + excluded.net_premium_amount
