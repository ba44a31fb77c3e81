-- Title:  Members who came and went, by month, plan and reason
-- Fills:  mart.enrollment_movement_monthly: adds what the delta sums to
-- Reads:  work_movement_delta
-- Values: none
INSERT INTO mart.enrollment_movement_monthly AS cube (
    month_start_date, plan_id, movement_code, movement_reason_code, fact_row_count, member_count
)
SELECT
    delta.month_start_date,
    delta.plan_id,
    delta.movement_code,
    delta.movement_reason_code,
    sum(delta.sign) AS fact_row_count,
    sum(delta.sign * delta.member_count) AS member_count
FROM work_movement_delta AS delta
GROUP BY delta.month_start_date, delta.plan_id, delta.movement_code, delta.movement_reason_code
ON CONFLICT (month_start_date, plan_id, movement_code, movement_reason_code) DO UPDATE SET
    fact_row_count = cube.fact_row_count + excluded.fact_row_count,
    member_count = cube.member_count + excluded.member_count
