-- Title:  Cells of the daily cube that a load touched and that are not the sum of their facts
-- Fills:  nothing: gives the cells that fail
-- Reads:  work_claim_delta, mart.claims_daily_plan_provider, warehouse.fact_claim_line
-- Values: none
WITH touched AS MATERIALIZED (
    SELECT DISTINCT
        delta.service_date,
        delta.plan_key,
        delta.rendering_provider_key AS provider_key,
        delta.claim_type,
        delta.plan_durable_key,
        delta.rendering_provider_durable_key AS provider_durable_key,
        CASE delta.is_in_network WHEN TRUE THEN 'in' WHEN FALSE THEN 'out' ELSE 'unknown' END AS network_code
    FROM work_claim_delta AS delta
),

-- All lines of a provider on a day are found at once, however many cells they belong to.
days AS (
    SELECT DISTINCT
        touched.provider_durable_key,
        touched.service_date
    FROM touched
),

lines AS (
    SELECT
        line.service_date,
        line.plan_key,
        line.rendering_provider_key AS provider_key,
        line.claim_type,
        line.plan_durable_key,
        line.rendering_provider_durable_key AS provider_durable_key,
        CASE line.is_in_network WHEN TRUE THEN 'in' WHEN FALSE THEN 'out' ELSE 'unknown' END AS network_code,
        count(*) AS fact_row_count,
        sum(line.line_count) AS line_count,
        sum(line.claim_count) AS claim_count,
        sum(line.denied_line_count) AS denied_line_count,
        sum(line.billed_amount) AS billed_amount,
        sum(line.allowed_amount) AS allowed_amount,
        sum(line.paid_amount) AS paid_amount,
        sum(line.deductible_amount) AS deductible_amount,
        sum(line.copay_amount) AS copay_amount,
        sum(line.coinsurance_amount) AS coinsurance_amount,
        sum(line.cob_amount) AS cob_amount
    FROM days
    INNER JOIN warehouse.fact_claim_line AS line
        ON
            days.provider_durable_key = line.rendering_provider_durable_key
            AND days.service_date = line.service_date
    GROUP BY
        line.service_date, line.plan_key, line.rendering_provider_key, line.is_in_network, line.claim_type,
        line.plan_durable_key, line.rendering_provider_durable_key
)

SELECT
    touched.service_date || ' plan_key ' || touched.plan_key || ' provider_key ' || touched.provider_key || ' '
    || touched.network_code || ' ' || touched.claim_type AS failed_key
FROM touched
LEFT JOIN lines
    ON
        touched.service_date = lines.service_date
        AND touched.plan_key = lines.plan_key
        AND touched.provider_key = lines.provider_key
        AND touched.network_code = lines.network_code
        AND touched.claim_type = lines.claim_type
        AND touched.plan_durable_key = lines.plan_durable_key
        AND touched.provider_durable_key = lines.provider_durable_key
LEFT JOIN mart.claims_daily_plan_provider AS cube
    ON
        touched.service_date = cube.service_date
        AND touched.plan_key = cube.plan_key
        AND touched.provider_key = cube.provider_key
        AND touched.network_code = cube.network_code
        AND touched.claim_type = cube.claim_type
        AND touched.plan_durable_key = cube.plan_durable_key
        AND touched.provider_durable_key = cube.provider_durable_key
WHERE
    (
        lines.fact_row_count, lines.line_count, lines.claim_count, lines.denied_line_count, lines.billed_amount,
        lines.allowed_amount, lines.paid_amount, lines.deductible_amount, lines.copay_amount, lines.coinsurance_amount,
        lines.cob_amount
    )
    IS DISTINCT FROM (
        cube.fact_row_count, cube.line_count, cube.claim_count, cube.denied_line_count, cube.billed_amount,
        cube.allowed_amount, cube.paid_amount, cube.deductible_amount, cube.copay_amount, cube.coinsurance_amount,
        cube.cob_amount
    )
