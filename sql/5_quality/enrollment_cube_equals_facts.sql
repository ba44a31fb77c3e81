-- Title:  Months in which the enrollment cube and the member months do not agree, to the cent and in every count
-- Fills:  nothing: gives the months that fail
-- Reads:  work_gate_month, mart.enrollment_monthly
-- Values: none
WITH cubes AS (
    SELECT
        cube.month_start_date,
        sum(cube.member_month_count) AS member_month_count,
        sum(cube.member_count) AS member_count,
        sum(cube.covered_day_count) AS covered_day_count,
        sum(cube.gross_premium_amount) AS gross_premium_amount,
        sum(cube.aptc_amount) AS aptc_amount,
        sum(cube.net_premium_amount) AS net_premium_amount
    FROM mart.enrollment_monthly AS cube
    GROUP BY cube.month_start_date
)

SELECT COALESCE(facts.month_start_date, cubes.month_start_date)::text AS failed_key
FROM work_gate_month AS facts
FULL JOIN cubes
    ON facts.month_start_date = cubes.month_start_date
WHERE
    (
        facts.member_month_count, facts.member_count, facts.covered_day_count, facts.gross_premium_amount,
        facts.aptc_amount, facts.net_premium_amount
    )
    IS DISTINCT FROM (
        cubes.member_month_count, cubes.member_count, cubes.covered_day_count, cubes.gross_premium_amount,
        cubes.aptc_amount, cubes.net_premium_amount
    )
