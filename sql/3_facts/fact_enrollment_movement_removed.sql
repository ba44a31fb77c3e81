-- Title:  Takes out the rows of the touched members that should not be, or not so
-- Fills:  warehouse.fact_enrollment_movement
-- Reads:  work_movement_change
-- Values: none
DELETE FROM warehouse.fact_enrollment_movement AS fact
USING work_movement_change AS change
WHERE
    change.sign = -1
    AND change.balance <> 0
    AND fact.member_durable_key = change.member_durable_key
    AND fact.month_start_date = change.month_start_date
    AND fact.is_leaving = change.is_leaving
