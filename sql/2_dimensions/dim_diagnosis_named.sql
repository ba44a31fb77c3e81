-- Title:  Diagnosis codes that facts of this load name and no list knows
-- Fills:  warehouse.dim_diagnosis, one row per code, not described
-- Reads:  work_claim_code, warehouse.dim_diagnosis
-- Values: none
INSERT INTO warehouse.dim_diagnosis (diagnosis_code, diagnosis_name, diagnosis_chapter, is_behavioral, is_described)
SELECT DISTINCT
    named.diagnosis_code,
    '(not described)' AS diagnosis_name,
    '(not described)' AS diagnosis_chapter,
    starts_with(named.diagnosis_code, 'F') AS is_behavioral,
    FALSE AS is_described
FROM work_claim_code AS named
LEFT JOIN warehouse.dim_diagnosis AS known
    ON named.diagnosis_code = known.diagnosis_code
WHERE named.diagnosis_code <> '' AND known.diagnosis_code IS NULL
