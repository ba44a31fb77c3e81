-- Title:  Calendar days as their rules see them: a column a rule, true where the day is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  warehouse.dim_date
-- Values: none
SELECT
    'date_key ' || day.date_key AS failed_key,
    day.month_number,
    day.day_of_week,
    day.date_key <> day.calendar_year * 10000 + day.month_number * 100 + (day.calendar_date - day.month_start_date) + 1
        AS date_key_wrong,
    day.is_month_end <> (day.calendar_date = day.month_end_date)
    OR day.days_in_month <> day.month_end_date - day.month_start_date + 1 AS month_wrong,
    lead(day.calendar_date) OVER (ORDER BY day.calendar_date) <> day.calendar_date + 1 AS day_missing
FROM warehouse.dim_date AS day
