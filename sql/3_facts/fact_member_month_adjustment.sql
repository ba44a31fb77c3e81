-- Title:  Adjustments that the touched members should have and have not yet
-- Fills:  warehouse.fact_member_month_adjustment, one row per member, policy, month, delivery and sign
-- Reads:  work_adjustment_change
-- Values: none
INSERT INTO warehouse.fact_member_month_adjustment (
    member_durable_key, month_start_date, policy_id, reported_as_of, is_removal, plan_durable_key, member_month_count,
    days_covered_count, gross_premium_amount, aptc_amount, net_premium_amount
)
SELECT
    change.member_durable_key,
    change.month_start_date,
    change.policy_id,
    change.reported_as_of,
    change.is_removal,
    change.plan_durable_key,
    change.member_month_count,
    change.days_covered_count,
    change.gross_premium_amount,
    change.aptc_amount,
    change.net_premium_amount
FROM work_adjustment_change AS change
WHERE change.sign = 1 AND change.balance <> 0
