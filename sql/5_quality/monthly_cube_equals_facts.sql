-- Title:  Months in which the member cube and the claim facts do not agree to the cent
-- Fills:  nothing: gives the months that fail
-- Reads:  mart.claims_monthly_member, warehouse.fact_claim_line, dim_date
-- Values: :first_day, :last_day
WITH facts AS (
    SELECT
        month.month_start_date,
        sum(by_day.line_count) AS line_count,
        sum(by_day.paid_amount) AS paid_amount
    FROM (
        SELECT
            fact.service_date,
            sum(fact.line_count) AS line_count,
            sum(fact.paid_amount) AS paid_amount
        FROM warehouse.fact_claim_line AS fact
        WHERE
            fact.service_date >= date_trunc('month', :first_day::date)::date
            AND fact.service_date < (date_trunc('month', :last_day::date) + INTERVAL '1 month')::date
        GROUP BY fact.service_date
    ) AS by_day
    INNER JOIN warehouse.dim_date AS month
        ON by_day.service_date = month.calendar_date
    GROUP BY month.month_start_date
),

cubes AS (
    SELECT
        cube.month_start_date,
        sum(cube.line_count) AS line_count,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.claims_monthly_member AS cube
    WHERE
        cube.month_start_date >= date_trunc('month', :first_day::date)::date
        AND cube.month_start_date <= :last_day
    GROUP BY cube.month_start_date
)

SELECT COALESCE(facts.month_start_date, cubes.month_start_date)::text AS failed_key
FROM facts
FULL JOIN cubes
    ON facts.month_start_date = cubes.month_start_date
WHERE (facts.line_count, facts.paid_amount) IS DISTINCT FROM (cubes.line_count, cubes.paid_amount)
