-- Title:  Procedure codes that facts of this load name and no list knows
-- Fills:  warehouse.dim_procedure, one row per code, not described
-- Reads:  work_claim_code, warehouse.dim_procedure
-- Values: none
INSERT INTO warehouse.dim_procedure (procedure_code, procedure_name, procedure_group, is_described)
SELECT DISTINCT
    named.procedure_code,
    '(not described)' AS procedure_name,
    '(not described)' AS procedure_group,
    FALSE AS is_described
FROM work_claim_code AS named
LEFT JOIN warehouse.dim_procedure AS known
    ON named.procedure_code = known.procedure_code
WHERE named.procedure_code <> '' AND known.procedure_code IS NULL
