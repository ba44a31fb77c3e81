-- Title:  Cells of the enrollment cube that are not the sum of their member months, in the months of a load
-- Fills:  nothing: gives the cells that fail
-- Reads:  work_gate_month, mart.enrollment_monthly, warehouse.fact_member_month
-- Values: :months
WITH marked AS (
    SELECT
        cube.month_start_date,
        sum(
            (
                hashint8extended(
                    cube.plan_key, hashint8extended(cube.geography_key, hashtextextended(cube.age_band_code, 0))
                ) & 1048575
            )
            * (
                cube.member_month_count + 3 * cube.member_count + 7 * cube.covered_day_count
                + (100 * (cube.gross_premium_amount + 3 * cube.aptc_amount))::bigint
            )
        ) AS cell_mark
    FROM mart.enrollment_monthly AS cube
    WHERE cube.month_start_date = ANY(:months)
    GROUP BY cube.month_start_date
),

differing AS MATERIALIZED (
    SELECT facts.month_start_date
    FROM work_gate_month AS facts
    LEFT JOIN marked
        ON facts.month_start_date = marked.month_start_date
    WHERE facts.cell_mark IS DISTINCT FROM marked.cell_mark
),

-- From here on only for the months that differ: where none does, nothing is read.
both_sides AS (
    SELECT
        fact.month_start_date,
        fact.plan_key,
        fact.geography_key,
        fact.age_band_code,
        fact.member_month_count,
        fact.is_primary::integer AS member_count,
        fact.days_covered_count AS covered_day_count,
        fact.gross_premium_amount,
        fact.aptc_amount
    FROM warehouse.fact_member_month AS fact
    WHERE
        (SELECT count(*) FROM differing) > 0
        AND fact.month_start_date = ANY(array(SELECT differing.month_start_date FROM differing))
    UNION ALL
    SELECT
        cube.month_start_date,
        cube.plan_key,
        cube.geography_key,
        cube.age_band_code,
        -cube.member_month_count AS member_month_count,
        -cube.member_count AS member_count,
        -cube.covered_day_count AS covered_day_count,
        -cube.gross_premium_amount AS gross_premium_amount,
        -cube.aptc_amount AS aptc_amount
    FROM mart.enrollment_monthly AS cube
    WHERE
        (SELECT count(*) FROM differing) > 0
        AND cube.month_start_date = ANY(array(SELECT differing.month_start_date FROM differing))
)

SELECT
    both_sides.month_start_date || ' plan_key ' || both_sides.plan_key || ' geography_key '
    || both_sides.geography_key || ' age ' || both_sides.age_band_code AS failed_key
FROM both_sides
GROUP BY both_sides.month_start_date, both_sides.plan_key, both_sides.geography_key, both_sides.age_band_code
HAVING
    (
        sum(both_sides.member_month_count), sum(both_sides.member_count), sum(both_sides.covered_day_count),
        sum(both_sides.gross_premium_amount), sum(both_sides.aptc_amount)
    ) <> (0, 0, 0, 0, 0)
