-- Title:  Takes out the rows of the touched members that should not be, or not so
-- Fills:  warehouse.fact_member_month_adjustment
-- Reads:  work_adjustment_change
-- Values: none
DELETE FROM warehouse.fact_member_month_adjustment AS fact
USING work_adjustment_change AS change
WHERE
    change.sign = -1
    AND change.balance <> 0
    AND fact.member_durable_key = change.member_durable_key
    AND fact.month_start_date = change.month_start_date
    AND fact.policy_id = change.policy_id
    AND fact.reported_as_of = change.reported_as_of
    AND fact.is_removal = change.is_removal
