-- Title:  Cells of the daily cube as their rules see them: a column a rule, true where the cell is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  mart.claims_daily_plan_provider, warehouse.dim_plan, dim_provider
-- Values: none
SELECT
    cube.service_date || ' plan_key ' || cube.plan_key || ' provider_key ' || cube.provider_key AS failed_key,
    cube.network_code,
    cube.claim_type,
    cube.plan_key NOT IN (SELECT dim.plan_key FROM warehouse.dim_plan AS dim) AS plan_key_unresolved,
    cube.provider_key NOT IN (SELECT dim.provider_key FROM warehouse.dim_provider AS dim) AS provider_key_unresolved,
    cube.fact_row_count < 1 AS cell_without_facts,
    cube.line_count < 0 OR cube.claim_count < 0 OR cube.denied_line_count < 0 AS count_below_zero,
    cube.denied_line_count > cube.line_count AS more_denied_than_lines,
    cube.paid_amount > cube.allowed_amount OR cube.allowed_amount > cube.billed_amount AS amounts_out_of_order
FROM mart.claims_daily_plan_provider AS cube
