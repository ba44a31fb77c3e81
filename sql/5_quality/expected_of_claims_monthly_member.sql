-- Title:  Cells of the member cube as their rules see them: a column a rule, true where the cell is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  mart.claims_monthly_member
-- Values: none
SELECT
    'member_durable_key ' || cube.member_durable_key || ' month ' || cube.month_start_date AS failed_key,
    cube.fact_row_count < 1 AS cell_without_facts,
    cube.line_count < 0 OR cube.claim_count < 0 OR cube.denied_line_count < 0 AS count_below_zero,
    cube.denied_line_count > cube.line_count AS more_denied_than_lines,
    cube.paid_amount > cube.allowed_amount OR cube.allowed_amount > cube.billed_amount AS amounts_out_of_order
FROM mart.claims_monthly_member AS cube
