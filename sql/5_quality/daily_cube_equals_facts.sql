-- Title:  Months in which the daily cube and the claim facts do not agree to the cent
-- Fills:  nothing: gives the months that fail
-- Reads:  mart.claims_daily_plan_provider, warehouse.fact_claim_line
-- Values: :first_day, :last_day
WITH facts AS (
    SELECT
        fact.service_date,
        sum(fact.line_count) AS line_count,
        sum(fact.claim_count) AS claim_count,
        sum(fact.billed_amount) AS billed_amount,
        sum(fact.allowed_amount) AS allowed_amount,
        sum(fact.paid_amount) AS paid_amount
    FROM warehouse.fact_claim_line AS fact
    WHERE fact.service_date >= :first_day AND fact.service_date <= :last_day
    GROUP BY fact.service_date
),

cubes AS (
    SELECT
        cube.service_date,
        sum(cube.line_count) AS line_count,
        sum(cube.claim_count) AS claim_count,
        sum(cube.billed_amount) AS billed_amount,
        sum(cube.allowed_amount) AS allowed_amount,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.claims_daily_plan_provider AS cube
    WHERE cube.service_date >= :first_day AND cube.service_date <= :last_day
    GROUP BY cube.service_date
)

SELECT COALESCE(facts.service_date, cubes.service_date)::text AS failed_key
FROM facts
FULL JOIN cubes
    ON facts.service_date = cubes.service_date
WHERE
    (facts.line_count, facts.claim_count, facts.billed_amount, facts.allowed_amount, facts.paid_amount)
    IS DISTINCT FROM (cubes.line_count, cubes.claim_count, cubes.billed_amount, cubes.allowed_amount, cubes.paid_amount)
