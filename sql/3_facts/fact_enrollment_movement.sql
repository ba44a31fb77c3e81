-- Title:  Movements that the touched members should have and have not yet
-- Fills:  warehouse.fact_enrollment_movement, one row per member, month and direction
-- Reads:  work_movement_change
-- Values: none
INSERT INTO warehouse.fact_enrollment_movement (
    member_durable_key, month_start_date, is_leaving, plan_id, movement_code, movement_reason_code, member_count
)
SELECT
    change.member_durable_key,
    change.month_start_date,
    change.is_leaving,
    change.plan_id,
    change.movement_code,
    change.movement_reason_code,
    change.member_count
FROM work_movement_change AS change
WHERE change.sign = 1 AND change.balance <> 0
