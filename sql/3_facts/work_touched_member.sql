-- Title:  Members whose months must be looked at anew: enrollment, birth date, member or plan version changed
-- Fills:  work_touched_member, one row per member
-- Reads:  work_span, work_moved_member, work_moved_plan, work_overwritten_member, warehouse.fact_member_month
-- Values: none
CREATE TEMPORARY TABLE work_touched_member ON COMMIT DROP AS
SELECT span.member_durable_key
FROM work_span AS span
UNION
SELECT moved.durable_key
FROM work_moved_member AS moved
UNION
SELECT overwritten.durable_key
FROM work_overwritten_member AS overwritten
UNION
SELECT month.member_durable_key
FROM warehouse.fact_member_month AS month
INNER JOIN work_moved_plan AS moved
    ON
        month.plan_durable_key = moved.durable_key
        AND month.month_start_date < moved.end_date
        AND month.month_start_date >= moved.start_date - 31
