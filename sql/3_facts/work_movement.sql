-- Title:  How the touched members came to a plan, changed it, and went, from month to month
-- Fills:  work_movement, one row per member, month and direction; in a rebuild the fact itself
-- Reads:  work_touched_member, warehouse.fact_member_month, fact_enrollment, dim_plan, dim_enrollment_reason
-- Values: none
WITH plan AS (
    SELECT DISTINCT
        version.plan_durable_key,
        version.plan_id
    FROM warehouse.dim_plan AS version
),

heads AS (
    SELECT
        month.member_durable_key,
        month.month_start_date,
        month.policy_id,
        plan.plan_id,
        (month.month_start_date + INTERVAL '1 month')::date AS next_month_start_date
    FROM warehouse.fact_member_month AS month
    INNER JOIN work_touched_member AS touched
        ON month.member_durable_key = touched.member_durable_key
    INNER JOIN plan
        ON month.plan_durable_key = plan.plan_durable_key
    WHERE month.is_primary
),

neighbours AS (
    SELECT
        heads.*,
        lag(heads.next_month_start_date) OVER by_month = heads.month_start_date AS has_month_before,
        lag(heads.plan_id) OVER by_month AS plan_id_before,
        lead(heads.month_start_date) OVER by_month = heads.next_month_start_date AS has_month_after,
        lead(heads.plan_id) OVER by_month AS plan_id_after,
        lead(heads.policy_id) OVER by_month AS policy_id_after
    FROM heads
    WINDOW by_month AS (PARTITION BY heads.member_durable_key ORDER BY heads.month_start_date)
),

moves AS (
    SELECT
        neighbours.member_durable_key,
        neighbours.month_start_date,
        FALSE AS is_leaving,
        neighbours.plan_id,
        COALESCE(neighbours.has_month_before, FALSE) AS is_switch,
        neighbours.policy_id AS reason_policy_id
    FROM neighbours
    WHERE
        NOT COALESCE(neighbours.has_month_before, FALSE)
        OR neighbours.plan_id <> neighbours.plan_id_before
    UNION ALL
    -- Who changes the plan leaves the old one for the reason that the new one is chosen for.
    SELECT
        neighbours.member_durable_key,
        neighbours.next_month_start_date AS month_start_date,
        TRUE AS is_leaving,
        neighbours.plan_id,
        COALESCE(neighbours.has_month_after, FALSE) AS is_switch,
        CASE WHEN neighbours.has_month_after THEN neighbours.policy_id_after ELSE neighbours.policy_id END
            AS reason_policy_id
    FROM neighbours
    WHERE
        NOT COALESCE(neighbours.has_month_after, FALSE)
        OR neighbours.plan_id <> neighbours.plan_id_after
),

-- A policy begins for the reason of its first transaction, and ends for that of its last, if that ends it.
told AS (
    SELECT
        span.member_durable_key,
        span.policy_id,
        span.maintenance_type_code = '024' AS is_end,
        COALESCE(reason.movement_reason_code, 'other') AS movement_reason_code,
        row_number() OVER (
            PARTITION BY span.member_durable_key, span.policy_id ORDER BY span.transaction_date, span.transaction_id
        ) AS place,
        row_number() OVER (
            PARTITION BY span.member_durable_key, span.policy_id
            ORDER BY span.transaction_date DESC, span.transaction_id DESC
        ) AS place_from_end
    FROM warehouse.fact_enrollment AS span
    INNER JOIN work_touched_member AS touched
        ON span.member_durable_key = touched.member_durable_key
    LEFT JOIN warehouse.dim_enrollment_reason AS reason
        ON
            COALESCE(span.maintenance_type_code, '') = reason.maintenance_type_code
            AND COALESCE(span.maintenance_reason_code, '') = reason.maintenance_reason_code
)

SELECT
    moves.member_durable_key,
    moves.month_start_date,
    moves.is_leaving,
    moves.plan_id,
    CASE
        WHEN moves.is_switch AND moves.is_leaving THEN 'switched_out'
        WHEN moves.is_switch THEN 'switched_in'
        WHEN moves.is_leaving THEN 'terminated'
        ELSE 'added'
    END AS movement_code,
    -- Coverage that ends without a word was not renewed, or not yet.
    COALESCE(
        told.movement_reason_code,
        CASE WHEN moves.is_leaving AND NOT moves.is_switch THEN 'not_renewed' ELSE 'other' END
    ) AS movement_reason_code,
    1::smallint AS member_count
FROM moves
LEFT JOIN told
    ON
        moves.member_durable_key = told.member_durable_key
        AND moves.reason_policy_id = told.policy_id
        AND CASE
            WHEN moves.is_leaving AND NOT moves.is_switch THEN told.is_end AND told.place_from_end = 1
            ELSE told.place = 1
        END
