-- Title:  Which codes the claim lines of this load name, together
-- Fills:  work_claim_code, one row per combination; a code that is not given is empty
-- Reads:  work_claim_delta
-- Values: none
CREATE TEMPORARY TABLE work_claim_code ON COMMIT DROP AS
SELECT
    COALESCE(delta.claim_type, '') AS claim_type,
    COALESCE(delta.bill_type_code, '') AS bill_type_code,
    COALESCE(delta.place_of_service_code, '') AS place_of_service_code,
    COALESCE(delta.revenue_code, '') AS revenue_code,
    COALESCE(delta.procedure_code, '') AS procedure_code,
    COALESCE(delta.principal_diagnosis_code, '') AS diagnosis_code,
    COALESCE(delta.carc_group_code, '') AS carc_group_code,
    COALESCE(delta.carc_code, '') AS carc_code
FROM work_claim_delta AS delta
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
