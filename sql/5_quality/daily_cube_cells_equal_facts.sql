-- Title:  Cells of the daily cube that are not the sum of their facts, on the days of a load
-- Fills:  nothing: gives the cells that fail
-- Reads:  work_gate_day, mart.claims_daily_plan_provider, warehouse.fact_claim_line
-- Values: :days
WITH marked AS (
    SELECT
        cube.service_date,
        sum(
            (
                hashint8extended(
                    cube.plan_key,
                    hashint8extended(
                        cube.provider_key,
                        hashtextextended(
                            cube.claim_type, CASE cube.network_code WHEN 'in' THEN 1 WHEN 'out' THEN 0 ELSE 2 END
                        )
                    )
                ) & 1048575
            )
            * (cube.line_count + (100 * (cube.billed_amount + 3 * cube.allowed_amount + 7 * cube.paid_amount))::bigint)
        ) AS cell_mark
    FROM mart.claims_daily_plan_provider AS cube
    WHERE cube.service_date = ANY(:days)
    GROUP BY cube.service_date
),

differing AS MATERIALIZED (
    SELECT facts.service_date
    FROM work_gate_day AS facts
    LEFT JOIN marked
        ON facts.service_date = marked.service_date
    WHERE facts.cell_mark IS DISTINCT FROM marked.cell_mark
),

-- From here on only for the days that differ: where none does, nothing is read.
both_sides AS (
    SELECT
        fact.service_date,
        fact.plan_key,
        fact.rendering_provider_key AS provider_key,
        CASE fact.is_in_network WHEN TRUE THEN 'in' WHEN FALSE THEN 'out' ELSE 'unknown' END AS network_code,
        fact.claim_type,
        fact.line_count,
        fact.billed_amount,
        fact.allowed_amount,
        fact.paid_amount
    FROM warehouse.fact_claim_line AS fact
    WHERE
        (SELECT count(*) FROM differing) > 0
        AND fact.service_date = ANY(array(SELECT differing.service_date FROM differing))
    UNION ALL
    SELECT
        cube.service_date,
        cube.plan_key,
        cube.provider_key,
        cube.network_code,
        cube.claim_type,
        -cube.line_count AS line_count,
        -cube.billed_amount AS billed_amount,
        -cube.allowed_amount AS allowed_amount,
        -cube.paid_amount AS paid_amount
    FROM mart.claims_daily_plan_provider AS cube
    WHERE
        (SELECT count(*) FROM differing) > 0
        AND cube.service_date = ANY(array(SELECT differing.service_date FROM differing))
)

SELECT
    both_sides.service_date || ' plan_key ' || both_sides.plan_key || ' provider_key ' || both_sides.provider_key || ' '
    || both_sides.network_code || ' ' || both_sides.claim_type AS failed_key
FROM both_sides
GROUP BY
    both_sides.service_date, both_sides.plan_key, both_sides.provider_key, both_sides.network_code,
    both_sides.claim_type
HAVING
    (
        sum(both_sides.line_count), sum(both_sides.billed_amount), sum(both_sides.allowed_amount),
        sum(both_sides.paid_amount)
    ) <> (0, 0, 0, 0)
