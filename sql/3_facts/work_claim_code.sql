-- Title:  Which codes the claim lines of these loads, and of the families they touch, name together
-- Fills:  work_claim_code, one row per combination; a code that is not given is empty
-- Reads:  staging.stg_claim, work_claim_signed
-- Values: :loads
CREATE TEMPORARY TABLE work_claim_code ON COMMIT DROP AS
SELECT
    COALESCE(claim.claim_type, 'undetermined') AS claim_type,
    COALESCE(claim.bill_type_code, '') AS bill_type_code,
    COALESCE(claim.place_of_service_code, '') AS place_of_service_code,
    COALESCE(claim.revenue_code, '') AS revenue_code,
    COALESCE(claim.procedure_code, '') AS procedure_code,
    COALESCE(claim.principal_diagnosis_code, '') AS diagnosis_code,
    COALESCE(claim.carc_group_code, '') AS carc_group_code,
    COALESCE(claim.carc_code, '') AS carc_code
FROM staging.stg_claim AS claim
WHERE claim.load_id = ANY(:loads)
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
UNION
SELECT
    claim.claim_type,
    COALESCE(claim.bill_type_code, '') AS bill_type_code,
    COALESCE(claim.place_of_service_code, '') AS place_of_service_code,
    COALESCE(claim.revenue_code, '') AS revenue_code,
    COALESCE(claim.procedure_code, '') AS procedure_code,
    COALESCE(claim.principal_diagnosis_code, '') AS diagnosis_code,
    COALESCE(claim.carc_group_code, '') AS carc_group_code,
    COALESCE(claim.carc_code, '') AS carc_code
FROM work_claim_signed AS claim
