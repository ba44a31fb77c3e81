-- Title:  Months that the touched members should not have, or not so
-- Fills:  warehouse.fact_member_month: takes them out
-- Reads:  work_member_month_change
-- Values: none
DELETE FROM warehouse.fact_member_month AS fact
USING work_member_month_change AS change
WHERE
    change.sign = -1
    AND change.balance <> 0
    AND fact.member_durable_key = change.member_durable_key
    AND fact.month_start_date = change.month_start_date
    AND fact.policy_id = change.policy_id
