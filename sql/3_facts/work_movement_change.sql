-- Title:  What differs between the movements the touched members have and should have
-- Fills:  work_movement_change, one row per row to take out (sign -1) or to put in (sign 1)
-- Reads:  work_touched_member, work_movement, warehouse.fact_enrollment_movement
-- Values: none
CREATE TEMPORARY TABLE work_movement_change ON COMMIT DROP AS
WITH compared AS (
    SELECT
        fact.member_durable_key,
        fact.month_start_date,
        fact.is_leaving,
        fact.plan_id,
        fact.movement_code,
        fact.movement_reason_code,
        fact.member_count,
        -1 AS sign
    FROM warehouse.fact_enrollment_movement AS fact
    INNER JOIN work_touched_member AS touched
        ON fact.member_durable_key = touched.member_durable_key
    UNION ALL
    SELECT
        wanted.member_durable_key,
        wanted.month_start_date,
        wanted.is_leaving,
        wanted.plan_id,
        wanted.movement_code,
        wanted.movement_reason_code,
        wanted.member_count,
        1 AS sign
    FROM work_movement AS wanted
)

SELECT
    compared.*,
    sum(compared.sign) OVER (
        PARTITION BY
            compared.member_durable_key, compared.month_start_date, compared.is_leaving, compared.plan_id,
            compared.movement_code, compared.movement_reason_code
    ) AS balance
FROM compared
