-- Title:  Cells of the enrollment cube as their rules see them: a column a rule, true where the cell is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  mart.enrollment_monthly, warehouse.dim_plan, dim_geography
-- Values: :cent
SELECT
    cube.month_start_date || ' plan_key ' || cube.plan_key || ' geography_key ' || cube.geography_key AS failed_key,
    cube.plan_key NOT IN (SELECT dim.plan_key FROM warehouse.dim_plan AS dim) AS plan_key_unresolved,
    cube.geography_key NOT IN (SELECT dim.geography_key FROM warehouse.dim_geography AS dim)
        AS geography_key_unresolved,
    cube.fact_row_count < 1 AS cell_without_facts,
    cube.member_count > cube.member_month_count OR cube.member_count < 0 AS heads_exceed_member_months,
    cube.covered_day_count > 31 * cube.member_month_count AS days_exceed_months,
    abs(cube.gross_premium_amount - cube.aptc_amount - cube.net_premium_amount) > :cent AS premium_does_not_split,
    cube.member_month_count > 0 AND cube.gross_premium_amount = 0 AS months_without_premium
FROM mart.enrollment_monthly AS cube
