-- Title:  When the members of these claims were covered: touching and overlapping spans joined
-- Fills:  work_coverage, one row per member and uninterrupted coverage; plan_durable_key NULL: by any plan
-- Reads:  work_claim_member, warehouse.fact_enrollment
-- Values: none
CREATE TEMPORARY TABLE work_coverage ON COMMIT DROP AS
WITH spans AS (
    SELECT
        span.member_durable_key,
        either.plan_durable_key,
        span.coverage_start_date,
        span.coverage_end_date
    FROM warehouse.fact_enrollment AS span
    INNER JOIN work_claim_member AS member
        ON span.member_durable_key = member.member_durable_key
    CROSS JOIN LATERAL (VALUES (NULL::bigint), (span.plan_durable_key)) AS either (plan_durable_key)
    WHERE
        span.is_current_version
        AND span.enrollment_status IN ('effectuated', 'terminated')
        AND span.coverage_start_date <= span.coverage_end_date
),

starts AS (
    SELECT
        spans.*,
        COALESCE(
            spans.coverage_start_date > max(spans.coverage_end_date) OVER (
                PARTITION BY spans.member_durable_key, spans.plan_durable_key
                ORDER BY spans.coverage_start_date, spans.coverage_end_date
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ) + 1,
            TRUE
        ) AS begins
    FROM spans
),

islands AS (
    SELECT
        starts.*,
        sum(starts.begins::integer) OVER (
            PARTITION BY starts.member_durable_key, starts.plan_durable_key
            ORDER BY starts.coverage_start_date, starts.coverage_end_date
        ) AS island_number
    FROM starts
)

SELECT
    islands.member_durable_key,
    islands.plan_durable_key,
    min(islands.coverage_start_date) AS coverage_start_date,
    max(islands.coverage_end_date) AS coverage_end_date
FROM islands
GROUP BY islands.member_durable_key, islands.plan_durable_key, islands.island_number
