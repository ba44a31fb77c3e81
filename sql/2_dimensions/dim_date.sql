-- Title:  Calendar, 1900 to 2199: every date that staging accepts, with the federal open enrollment periods
-- Fills:  warehouse.dim_date, one row per day; nothing where it is filled already
-- Reads:  warehouse.dim_date
-- Values: none
INSERT INTO warehouse.dim_date (
    date_key, calendar_date, day_of_week, day_name, iso_week, month_number, month_name, month_start_date,
    month_end_date,
    days_in_month, is_month_end, quarter_number, calendar_year, plan_year, is_weekend, is_open_enrollment,
    open_enrollment_plan_year, open_enrollment_day_number
)
WITH open_enrollment (plan_year, first_day, last_day) AS (
    VALUES
    (2014, DATE '2013-10-01', DATE '2014-03-31'),
    (2015, DATE '2014-11-15', DATE '2015-02-15'),
    (2016, DATE '2015-11-01', DATE '2016-01-31'),
    (2017, DATE '2016-11-01', DATE '2017-01-31'),
    (2018, DATE '2017-11-01', DATE '2017-12-15'),
    (2019, DATE '2018-11-01', DATE '2018-12-15'),
    (2020, DATE '2019-11-01', DATE '2019-12-15'),
    (2021, DATE '2020-11-01', DATE '2020-12-15'),
    (2022, DATE '2021-11-01', DATE '2022-01-15'),
    (2023, DATE '2022-11-01', DATE '2023-01-15'),
    (2024, DATE '2023-11-01', DATE '2024-01-15'),
    (2025, DATE '2024-11-01', DATE '2025-01-15'),
    (2026, DATE '2025-11-01', DATE '2026-01-15'),
    (2027, DATE '2026-11-01', DATE '2026-12-15')
),

open_enrollment_days AS (
    SELECT
        period.plan_year,
        period.first_day + place.number AS calendar_date,
        place.number + 1 AS day_number
    FROM open_enrollment AS period
    CROSS JOIN LATERAL generate_series(0, period.last_day - period.first_day) AS place (number)
),

-- What the days of a month share is computed once for all of them.
months AS MATERIALIZED (
    SELECT
        month::date AS month_start_date,
        (month + INTERVAL '1 month' - INTERVAL '1 day')::date AS month_end_date,
        extract(YEAR FROM month)::integer AS calendar_year,
        extract(MONTH FROM month)::integer AS month_number,
        extract(QUARTER FROM month)::smallint AS quarter_number,
        to_char(month, 'FMMonth') AS month_name
    FROM generate_series(TIMESTAMP '1900-01-01', TIMESTAMP '2199-12-01', INTERVAL '1 month') AS calendar (month)
),

days AS (
    SELECT
        months.*,
        place.number + 1 AS day_number,
        months.month_start_date + place.number AS calendar_date,
        -- The year 1900 began on a Monday.
        mod(months.month_start_date + place.number - DATE '1900-01-01', 7) + 1 AS day_of_week
    FROM months
    CROSS JOIN LATERAL generate_series(0, months.month_end_date - months.month_start_date) AS place (number)
)

SELECT
    days.calendar_year * 10000 + days.month_number * 100 + days.day_number AS date_key,
    days.calendar_date,
    days.day_of_week,
    (ARRAY['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'])[days.day_of_week] AS day_name,
    extract(WEEK FROM days.calendar_date)::smallint AS iso_week,
    days.month_number,
    days.month_name,
    days.month_start_date,
    days.month_end_date,
    days.month_end_date - days.month_start_date + 1 AS days_in_month,
    days.calendar_date = days.month_end_date AS is_month_end,
    days.quarter_number,
    days.calendar_year,
    days.calendar_year AS plan_year,
    days.day_of_week >= 6 AS is_weekend,
    enrolling.calendar_date IS NOT NULL AS is_open_enrollment,
    enrolling.plan_year AS open_enrollment_plan_year,
    enrolling.day_number AS open_enrollment_day_number
FROM days
LEFT JOIN open_enrollment_days AS enrolling
    ON days.calendar_date = enrolling.calendar_date
WHERE NOT EXISTS (SELECT FROM warehouse.dim_date)
