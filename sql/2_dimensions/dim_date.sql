-- Title:  Calendar, 1900 to 2199: every date that staging accepts, with the federal open enrollment periods
-- Fills:  warehouse.dim_date, one row per day; days that are there already stay as they are
-- Reads:  nothing
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

days AS (
    SELECT
        day::date AS calendar_date,
        date_trunc('month', day)::date AS month_start_date,
        (date_trunc('month', day) + INTERVAL '1 month' - INTERVAL '1 day')::date AS month_end_date
    FROM generate_series(TIMESTAMP '1900-01-01', TIMESTAMP '2199-12-31', INTERVAL '1 day') AS calendar (day)
)

SELECT
    to_char(days.calendar_date, 'YYYYMMDD')::integer AS date_key,
    days.calendar_date,
    extract(ISODOW FROM days.calendar_date)::smallint AS day_of_week,
    to_char(days.calendar_date, 'FMDay') AS day_name,
    extract(WEEK FROM days.calendar_date)::smallint AS iso_week,
    extract(MONTH FROM days.calendar_date)::smallint AS month_number,
    to_char(days.calendar_date, 'FMMonth') AS month_name,
    days.month_start_date,
    days.month_end_date,
    extract(DAY FROM days.month_end_date)::smallint AS days_in_month,
    days.calendar_date = days.month_end_date AS is_month_end,
    extract(QUARTER FROM days.calendar_date)::smallint AS quarter_number,
    extract(YEAR FROM days.calendar_date)::smallint AS calendar_year,
    extract(YEAR FROM days.calendar_date)::smallint AS plan_year,
    extract(ISODOW FROM days.calendar_date) >= 6 AS is_weekend,
    open_enrollment.plan_year IS NOT NULL AS is_open_enrollment,
    open_enrollment.plan_year::smallint AS open_enrollment_plan_year,
    (days.calendar_date - open_enrollment.first_day + 1)::smallint AS open_enrollment_day_number
FROM days
LEFT JOIN open_enrollment
    ON
        days.calendar_date >= open_enrollment.first_day
        AND days.calendar_date <= open_enrollment.last_day
ON CONFLICT (date_key) DO NOTHING
