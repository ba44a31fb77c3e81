-- Title:  Adjustment codes that facts of this load name and no list knows
-- Fills:  warehouse.dim_denial_reason, one row per group and code, not described
-- Reads:  work_claim_code, warehouse.dim_denial_reason
-- Values: none
INSERT INTO warehouse.dim_denial_reason (
    carc_group_code, carc_code, carc_name, tc_reason_code, is_cost_share, is_described
)
SELECT DISTINCT
    named.carc_group_code,
    named.carc_code,
    '(not described)' AS carc_name,
    -- A code that the list knows under another group keeps its reason.
    COALESCE(same_code.tc_reason_code, 'other') AS tc_reason_code,
    COALESCE(same_code.is_cost_share, FALSE) AS is_cost_share,
    FALSE AS is_described
FROM work_claim_code AS named
LEFT JOIN warehouse.dim_denial_reason AS known
    ON
        named.carc_group_code = known.carc_group_code
        AND named.carc_code = known.carc_code
LEFT JOIN warehouse.dim_denial_reason AS same_code
    ON
        named.carc_code = same_code.carc_code
        AND same_code.carc_group_code = 'CO'
        AND same_code.is_described
WHERE known.carc_code IS NULL
