-- Title:  Places of service that facts of this load name and no list knows
-- Fills:  warehouse.dim_place_of_service, one row per code, not described
-- Reads:  work_claim_code, warehouse.dim_place_of_service
-- Values: none
INSERT INTO warehouse.dim_place_of_service (place_of_service_code, place_of_service_name, place_kind, is_described)
SELECT DISTINCT
    named.place_of_service_code,
    '(not described)' AS place_of_service_name,
    'other' AS place_kind,
    FALSE AS is_described
FROM work_claim_code AS named
LEFT JOIN warehouse.dim_place_of_service AS known
    ON named.place_of_service_code = known.place_of_service_code
WHERE named.place_of_service_code <> '' AND known.place_of_service_code IS NULL
