-- Title:  Months that the touched members should have and have not yet
-- Fills:  warehouse.fact_member_month, one row per member, policy and month
-- Reads:  work_member_month_change
-- Values: none
INSERT INTO warehouse.fact_member_month (
    member_durable_key, policy_id, month_start_date, is_primary, member_key, plan_durable_key, plan_key, geography_key,
    month_end_date_key, member_month_count, days_covered_count, month_fraction_rate, gross_premium_amount, aptc_amount,
    net_premium_amount, is_covered_mid_month, age_band_code, load_id, load_timestamp
)
SELECT
    change.member_durable_key,
    change.policy_id,
    change.month_start_date,
    change.is_primary,
    change.member_key,
    change.plan_durable_key,
    change.plan_key,
    change.geography_key,
    change.month_end_date_key,
    change.member_month_count,
    change.days_covered_count,
    change.month_fraction_rate,
    change.gross_premium_amount,
    change.aptc_amount,
    change.net_premium_amount,
    change.is_covered_mid_month,
    change.age_band_code,
    change.load_id,
    change.load_timestamp
FROM work_member_month_change AS change
WHERE change.sign = 1 AND change.balance <> 0
