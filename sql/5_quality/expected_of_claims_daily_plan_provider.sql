-- Title:  Cells of the daily cube as their rules see them: a column a rule, true where the cell is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  mart.claims_daily_plan_provider, warehouse.dim_plan, dim_provider
-- Values: none
-- One row a key, told so: who only counts the rows is spared the joins.
WITH plan AS NOT MATERIALIZED (
    SELECT DISTINCT ON (dim.plan_key) dim.plan_key
    FROM warehouse.dim_plan AS dim
),

provider AS NOT MATERIALIZED (
    SELECT DISTINCT ON (dim.provider_key) dim.provider_key
    FROM warehouse.dim_provider AS dim
)

SELECT
    cube.service_date || ' plan_key ' || cube.plan_key || ' provider_key ' || cube.provider_key AS failed_key,
    cube.network_code,
    cube.claim_type,
    plan.plan_key IS NULL AS plan_key_unresolved,
    provider.provider_key IS NULL AS provider_key_unresolved,
    cube.fact_row_count < 1 AS cell_without_facts,
    cube.line_count < 0 OR cube.claim_count < 0 OR cube.denied_line_count < 0 AS count_below_zero,
    cube.denied_line_count > cube.line_count AS more_denied_than_lines,
    cube.paid_amount > cube.allowed_amount OR cube.allowed_amount > cube.billed_amount AS amounts_out_of_order
FROM mart.claims_daily_plan_provider AS cube
LEFT JOIN plan
    ON cube.plan_key = plan.plan_key
LEFT JOIN provider
    ON cube.provider_key = provider.provider_key
