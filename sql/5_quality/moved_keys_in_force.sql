-- Title:  Facts that still point to a version of before, where this load moved versions
-- Fills:  nothing: gives the keys that fail
-- Reads:  work_moved_member, work_moved_plan, work_moved_provider, warehouse.fact_claim_line, fact_enrollment
-- Values: none
-- Reads the other facts and the dimensions too: fact_member_month, dim_member, dim_plan, dim_provider
-- OFFSET 0: the facts are looked up, entity by entity, however few rows the planner expects.
WITH pointing AS (
    SELECT
        'member_key' AS role,
        'claim ' || fact.claim_id AS fact_name,
        fact.member_key AS surrogate_key,
        version.member_key AS expected_key
    FROM work_moved_member AS moved
    CROSS JOIN
        LATERAL (
            SELECT near.*
            FROM warehouse.fact_claim_line AS near
            WHERE
                near.member_durable_key = moved.durable_key
                AND near.service_date >= moved.start_date
                AND near.service_date < moved.end_date
            OFFSET 0 -- noqa: AM09
        ) AS fact
    LEFT JOIN warehouse.dim_member AS version
        ON
            fact.member_durable_key = version.member_durable_key
            AND fact.service_date >= version.start_date
            AND fact.service_date < version.end_date
    UNION ALL
    SELECT
        'plan_key' AS role,
        'claim ' || fact.claim_id AS fact_name,
        fact.plan_key AS surrogate_key,
        version.plan_key AS expected_key
    FROM work_moved_plan AS moved
    CROSS JOIN
        LATERAL (
            SELECT near.*
            FROM warehouse.fact_claim_line AS near
            WHERE
                near.plan_durable_key = moved.durable_key
                AND near.service_date >= moved.start_date
                AND near.service_date < moved.end_date
            OFFSET 0 -- noqa: AM09
        ) AS fact
    LEFT JOIN warehouse.dim_plan AS version
        ON
            fact.plan_durable_key = version.plan_durable_key
            AND fact.service_date >= version.start_date
            AND fact.service_date < version.end_date
    UNION ALL
    SELECT
        'rendering_provider_key' AS role,
        'claim ' || fact.claim_id AS fact_name,
        fact.rendering_provider_key AS surrogate_key,
        version.provider_key AS expected_key
    FROM work_moved_provider AS moved
    CROSS JOIN
        LATERAL (
            SELECT near.*
            FROM warehouse.fact_claim_line AS near
            WHERE
                near.rendering_provider_durable_key = moved.durable_key
                AND near.service_date >= moved.start_date
                AND near.service_date < moved.end_date
            OFFSET 0 -- noqa: AM09
        ) AS fact
    LEFT JOIN warehouse.dim_provider AS version
        ON
            fact.rendering_provider_durable_key = version.provider_durable_key
            AND fact.service_date >= version.start_date
            AND fact.service_date < version.end_date
    UNION ALL
    SELECT
        'billing_provider_key' AS role,
        'claim ' || fact.claim_id AS fact_name,
        fact.billing_provider_key AS surrogate_key,
        version.provider_key AS expected_key
    FROM work_moved_provider AS moved
    CROSS JOIN
        LATERAL (
            SELECT near.*
            FROM warehouse.fact_claim_line AS near
            WHERE
                near.billing_provider_durable_key = moved.durable_key
                AND near.service_date >= moved.start_date
                AND near.service_date < moved.end_date
            OFFSET 0 -- noqa: AM09
        ) AS fact
    LEFT JOIN warehouse.dim_provider AS version
        ON
            fact.billing_provider_durable_key = version.provider_durable_key
            AND fact.service_date >= version.start_date
            AND fact.service_date < version.end_date
    UNION ALL
    SELECT
        'member_key' AS role,
        'transaction ' || fact.transaction_id AS fact_name,
        fact.member_key AS surrogate_key,
        version.member_key AS expected_key
    FROM work_moved_member AS moved
    CROSS JOIN
        LATERAL (
            SELECT near.*
            FROM warehouse.fact_enrollment AS near
            WHERE
                near.member_durable_key = moved.durable_key
                AND near.coverage_start_date >= moved.start_date
                AND near.coverage_start_date < moved.end_date
            OFFSET 0 -- noqa: AM09
        ) AS fact
    LEFT JOIN warehouse.dim_member AS version
        ON
            fact.member_durable_key = version.member_durable_key
            AND fact.coverage_start_date >= version.start_date
            AND fact.coverage_start_date < version.end_date
    UNION ALL
    SELECT
        'plan_key' AS role,
        'transaction ' || fact.transaction_id AS fact_name,
        fact.plan_key AS surrogate_key,
        version.plan_key AS expected_key
    FROM work_moved_plan AS moved
    CROSS JOIN
        LATERAL (
            SELECT near.*
            FROM warehouse.fact_enrollment AS near
            WHERE
                near.plan_durable_key = moved.durable_key
                AND near.coverage_start_date >= moved.start_date
                AND near.coverage_start_date < moved.end_date
            OFFSET 0 -- noqa: AM09
        ) AS fact
    LEFT JOIN warehouse.dim_plan AS version
        ON
            fact.plan_durable_key = version.plan_durable_key
            AND fact.coverage_start_date >= version.start_date
            AND fact.coverage_start_date < version.end_date
    UNION ALL
    SELECT
        'member_key' AS role,
        'member_durable_key ' || fact.member_durable_key || ' month ' || fact.month_start_date AS fact_name,
        fact.member_key AS surrogate_key,
        version.member_key AS expected_key
    FROM work_moved_member AS moved
    CROSS JOIN
        LATERAL (
            SELECT
                near.*,
                (near.month_start_date + INTERVAL '1 month' - INTERVAL '1 day')::date AS month_end_date
            FROM warehouse.fact_member_month AS near
            WHERE near.member_durable_key = moved.durable_key
            OFFSET 0 -- noqa: AM09
        ) AS fact
    LEFT JOIN warehouse.dim_member AS version
        ON
            fact.member_durable_key = version.member_durable_key
            AND fact.month_end_date >= version.start_date
            AND fact.month_end_date < version.end_date
    WHERE fact.month_end_date >= moved.start_date AND fact.month_end_date < moved.end_date
    UNION ALL
    SELECT
        'plan_key' AS role,
        'member_durable_key ' || fact.member_durable_key || ' month ' || fact.month_start_date AS fact_name,
        fact.plan_key AS surrogate_key,
        version.plan_key AS expected_key
    FROM work_moved_plan AS moved
    CROSS JOIN
        LATERAL (
            SELECT
                near.*,
                (near.month_start_date + INTERVAL '1 month' - INTERVAL '1 day')::date AS month_end_date
            FROM warehouse.fact_member_month AS near
            WHERE near.plan_durable_key = moved.durable_key
            OFFSET 0 -- noqa: AM09
        ) AS fact
    LEFT JOIN warehouse.dim_plan AS version
        ON
            fact.plan_durable_key = version.plan_durable_key
            AND fact.month_end_date >= version.start_date
            AND fact.month_end_date < version.end_date
    WHERE fact.month_end_date >= moved.start_date AND fact.month_end_date < moved.end_date
)

SELECT DISTINCT
    pointing.fact_name || ': ' || pointing.role || ' ' || pointing.surrogate_key || ' instead of '
    || COALESCE(pointing.expected_key, -2) AS failed_key
FROM pointing
WHERE pointing.surrogate_key <> COALESCE(pointing.expected_key, -2)
