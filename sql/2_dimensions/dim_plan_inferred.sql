-- Title:  Plans that claims or enrollments name before any plan file does
-- Fills:  warehouse.dim_plan: an inferred row with the business key only, filled in place later
-- Reads:  work_named_plan
-- Values: none
INSERT INTO warehouse.dim_plan (
    plan_durable_key, plan_key, plan_id, plan_year, start_date, first_observed_date, is_inferred, load_id,
    load_timestamp
)
SELECT
    etl.computed_key(
        octet_length(named.plan_id) || ':' || named.plan_id || ',4:' || named.plan_year::text
    ) AS plan_durable_key,
    etl.computed_key(
        octet_length(named.plan_id) || ':' || named.plan_id || ',4:' || named.plan_year::text || ',10:1900-01-01'
    ) AS plan_key,
    named.plan_id,
    named.plan_year,
    DATE '1900-01-01' AS start_date,
    DATE '1900-01-01' AS first_observed_date,
    TRUE AS is_inferred,
    named.load_id,
    named.load_timestamp
FROM work_named_plan AS named
