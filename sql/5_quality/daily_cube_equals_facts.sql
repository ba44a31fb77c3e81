-- Title:  Days on which the daily cube and the claim facts do not agree, to the cent and in every count
-- Fills:  nothing: gives the days that fail
-- Reads:  work_gate_day, mart.claims_daily_plan_provider
-- Values: none
WITH cubes AS (
    SELECT
        cube.service_date,
        sum(cube.line_count) AS line_count,
        sum(cube.claim_count) AS claim_count,
        sum(cube.denied_line_count) AS denied_line_count,
        sum(cube.billed_amount) AS billed_amount,
        sum(cube.allowed_amount) AS allowed_amount,
        sum(cube.paid_amount) AS paid_amount,
        sum(cube.deductible_amount) AS deductible_amount,
        sum(cube.copay_amount) AS copay_amount,
        sum(cube.coinsurance_amount) AS coinsurance_amount,
        sum(cube.cob_amount) AS cob_amount
    FROM mart.claims_daily_plan_provider AS cube
    GROUP BY cube.service_date
)

SELECT COALESCE(facts.service_date, cubes.service_date)::text AS failed_key
FROM work_gate_day AS facts
FULL JOIN cubes
    ON facts.service_date = cubes.service_date
WHERE
    (
        facts.line_count, facts.claim_count, facts.denied_line_count, facts.billed_amount, facts.allowed_amount,
        facts.paid_amount, facts.deductible_amount, facts.copay_amount, facts.coinsurance_amount, facts.cob_amount
    )
    IS DISTINCT FROM (
        cubes.line_count, cubes.claim_count, cubes.denied_line_count, cubes.billed_amount, cubes.allowed_amount,
        cubes.paid_amount, cubes.deductible_amount, cubes.copay_amount, cubes.coinsurance_amount, cubes.cob_amount
    )
