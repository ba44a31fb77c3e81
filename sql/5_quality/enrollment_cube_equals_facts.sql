-- Title:  Months in which the enrollment cube and the member months do not agree to the cent
-- Fills:  nothing: gives the months that fail
-- Reads:  mart.enrollment_monthly, warehouse.fact_member_month, work_member_month_delta
-- Values: none
WITH touched AS (
    SELECT DISTINCT delta.month_start_date
    FROM work_member_month_delta AS delta
),

facts AS (
    SELECT
        fact.month_start_date,
        sum(fact.member_month_count) AS member_month_count,
        sum(fact.gross_premium_amount) AS gross_premium_amount,
        sum(fact.aptc_amount) AS aptc_amount,
        sum(fact.net_premium_amount) AS net_premium_amount
    FROM warehouse.fact_member_month AS fact
    WHERE fact.month_start_date IN (SELECT touched.month_start_date FROM touched)
    GROUP BY fact.month_start_date
),

cubes AS (
    SELECT
        cube.month_start_date,
        sum(cube.member_month_count) AS member_month_count,
        sum(cube.gross_premium_amount) AS gross_premium_amount,
        sum(cube.aptc_amount) AS aptc_amount,
        sum(cube.net_premium_amount) AS net_premium_amount
    FROM mart.enrollment_monthly AS cube
    WHERE cube.month_start_date IN (SELECT touched.month_start_date FROM touched)
    GROUP BY cube.month_start_date
)

SELECT COALESCE(facts.month_start_date, cubes.month_start_date)::text AS failed_key
FROM facts
FULL JOIN cubes
    ON facts.month_start_date = cubes.month_start_date
WHERE
    (facts.member_month_count, facts.gross_premium_amount, facts.aptc_amount, facts.net_premium_amount)
    IS DISTINCT FROM (cubes.member_month_count, cubes.gross_premium_amount, cubes.aptc_amount, cubes.net_premium_amount)
