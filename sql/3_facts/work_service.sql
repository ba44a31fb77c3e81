-- Title:  The service category of each kind of claim line of this load: of the first rule that fits
-- Fills:  work_service, one row per combination of the codes that rules look at
-- Reads:  work_claim_code, warehouse.service_category_rule
-- Values: none
CREATE TEMPORARY TABLE work_service ON COMMIT DROP AS
WITH kinds AS (
    SELECT DISTINCT
        code.claim_type,
        code.bill_type_code,
        code.place_of_service_code,
        code.revenue_code,
        code.procedure_code
    FROM work_claim_code AS code
)

SELECT DISTINCT ON (
    kinds.claim_type, kinds.bill_type_code, kinds.place_of_service_code, kinds.revenue_code, kinds.procedure_code
)
    kinds.claim_type,
    kinds.bill_type_code,
    kinds.place_of_service_code,
    kinds.revenue_code,
    kinds.procedure_code,
    COALESCE(rule.service_category_code, 'other') AS service_category_code
FROM kinds
LEFT JOIN warehouse.service_category_rule AS rule
    ON
        rule.claim_type IN ('', kinds.claim_type)
        AND starts_with(kinds.bill_type_code, rule.bill_type_prefix)
        AND rule.place_of_service_code IN ('', kinds.place_of_service_code)
        AND starts_with(kinds.revenue_code, rule.revenue_prefix)
        AND starts_with(kinds.procedure_code, rule.procedure_prefix)
ORDER BY
    kinds.claim_type, kinds.bill_type_code, kinds.place_of_service_code, kinds.revenue_code, kinds.procedure_code,
    rule.rule_number
