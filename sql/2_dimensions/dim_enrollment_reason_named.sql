-- Title:  Maintenance types and reasons that transactions of this load name and no list knows
-- Fills:  warehouse.dim_enrollment_reason, one row per type and reason, not described
-- Reads:  work_enrollment, warehouse.dim_enrollment_reason
-- Values: none
INSERT INTO warehouse.dim_enrollment_reason (
    maintenance_type_code, maintenance_reason_code, enrollment_reason_name, movement_reason_code, is_described
)
SELECT DISTINCT
    COALESCE(named.maintenance_type_code, '') AS maintenance_type_code,
    COALESCE(named.maintenance_reason_code, '') AS maintenance_reason_code,
    '(not described)' AS enrollment_reason_name,
    'other' AS movement_reason_code,
    FALSE AS is_described
FROM work_enrollment AS named
LEFT JOIN warehouse.dim_enrollment_reason AS known
    ON
        COALESCE(named.maintenance_type_code, '') = known.maintenance_type_code
        AND COALESCE(named.maintenance_reason_code, '') = known.maintenance_reason_code
WHERE known.maintenance_type_code IS NULL
