-- Title:  Members and months of the load for which the member cube and the claim facts do not agree
-- Fills:  nothing: gives the cells that fail
-- Reads:  work_claim_delta, mart.claims_monthly_member, warehouse.fact_claim_line
-- Values: none
WITH touched AS MATERIALIZED (
    SELECT DISTINCT
        delta.member_durable_key,
        date_trunc('month', delta.service_date::timestamp)::date AS month_start_date
    FROM work_claim_delta AS delta
),

facts AS (
    SELECT
        touched.member_durable_key,
        touched.month_start_date,
        line.fact_row_count,
        line.line_count,
        line.claim_count,
        line.denied_line_count,
        line.billed_amount,
        line.allowed_amount,
        line.paid_amount,
        line.deductible_amount,
        line.copay_amount,
        line.coinsurance_amount,
        line.cob_amount
    FROM touched
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS fact_row_count,
            sum(fact.line_count) AS line_count,
            sum(fact.claim_count) AS claim_count,
            sum(fact.denied_line_count) AS denied_line_count,
            sum(fact.billed_amount) AS billed_amount,
            sum(fact.allowed_amount) AS allowed_amount,
            sum(fact.paid_amount) AS paid_amount,
            sum(fact.deductible_amount) AS deductible_amount,
            sum(fact.copay_amount) AS copay_amount,
            sum(fact.coinsurance_amount) AS coinsurance_amount,
            sum(fact.cob_amount) AS cob_amount
        FROM warehouse.fact_claim_line AS fact
        WHERE
            fact.member_durable_key = touched.member_durable_key
            AND fact.service_date >= touched.month_start_date
            AND fact.service_date < (touched.month_start_date + INTERVAL '1 month')::date
    ) AS line
)

SELECT 'member_durable_key ' || facts.member_durable_key || ' month ' || facts.month_start_date AS failed_key
FROM facts
LEFT JOIN mart.claims_monthly_member AS cube
    ON
        facts.member_durable_key = cube.member_durable_key
        AND facts.month_start_date = cube.month_start_date
WHERE
    (
        NULLIF(facts.fact_row_count, 0), facts.line_count, facts.claim_count, facts.denied_line_count,
        facts.billed_amount, facts.allowed_amount, facts.paid_amount, facts.deductible_amount, facts.copay_amount,
        facts.coinsurance_amount, facts.cob_amount
    )
    IS DISTINCT FROM (
        cube.fact_row_count, cube.line_count, cube.claim_count, cube.denied_line_count,
        cube.billed_amount, cube.allowed_amount, cube.paid_amount, cube.deductible_amount, cube.copay_amount,
        cube.coinsurance_amount, cube.cob_amount
    )
