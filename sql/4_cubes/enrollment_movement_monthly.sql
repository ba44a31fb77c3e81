-- Title:  Members who came and went, by month, plan and reason
-- Fills:  mart.enrollment_movement_monthly: what is added to it
-- Reads:  work_movement_delta
-- Values: none
SELECT
    delta.month_start_date,
    delta.plan_id,
    delta.movement_code,
    delta.movement_reason_code,
    sum(delta.sign) AS fact_row_count,
    sum(delta.member_count) AS member_count
FROM work_movement_delta AS delta
GROUP BY delta.month_start_date, delta.plan_id, delta.movement_code, delta.movement_reason_code
