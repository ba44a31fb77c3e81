-- Title:  Plan days as their rules see them: a column a rule, true where the day is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  mart.plan_performance
-- Values: :cent
SELECT
    cube.plan_id || ' ' || cube.calendar_date AS failed_key,
    cube.rolling_30_day_claim_count < cube.claim_count AS window_below_its_day,
    cube.rolling_30_day_paid_amount > cube.rolling_30_day_allowed_amount + :cent AS paid_exceeds_allowed,
    cube.year_over_year_change_rate IS NOT NULL AND cube.year_ago_30_day_paid_amount IS NULL AS change_without_base,
    cube.calendar_date - lag(cube.calendar_date) OVER (PARTITION BY cube.plan_id ORDER BY cube.calendar_date) > 1
        AS day_missing
FROM mart.plan_performance AS cube
