-- Title:  Coverage spans of these loads without exactly one current version
-- Fills:  nothing: gives the keys that fail
-- Reads:  staging.stg_enrollment, warehouse.fact_enrollment
-- Values: :loads
SELECT fact.enrollment_id AS failed_key
FROM warehouse.fact_enrollment AS fact
WHERE
    fact.enrollment_id IN (
        SELECT enrollment.enrollment_id
        FROM staging.stg_enrollment AS enrollment
        WHERE enrollment.load_id = ANY(:loads)
    )
GROUP BY fact.enrollment_id
HAVING count(*) FILTER (WHERE fact.is_current_version) <> 1
