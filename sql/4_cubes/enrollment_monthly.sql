-- Title:  Enrollment by month, plan version, place and age band
-- Fills:  mart.enrollment_monthly: what is added to it
-- Reads:  work_member_month_delta
-- Values: none
SELECT
    delta.month_start_date,
    delta.plan_key,
    delta.geography_key,
    delta.age_band_code,
    delta.plan_durable_key,
    sum(delta.sign) AS fact_row_count,
    sum(delta.member_month_count) AS member_month_count,
    sum(delta.sign * delta.is_primary::integer) AS member_count,
    sum(delta.sign * (delta.is_primary AND delta.is_covered_mid_month)::integer) AS mid_month_member_count,
    sum(delta.days_covered_count) AS covered_day_count,
    sum(delta.gross_premium_amount) AS gross_premium_amount,
    sum(delta.aptc_amount) AS aptc_amount,
    sum(delta.net_premium_amount) AS net_premium_amount
FROM work_member_month_delta AS delta
GROUP BY
    delta.month_start_date, delta.plan_key, delta.geography_key, delta.age_band_code, delta.plan_durable_key
