-- Title:  Coverage spans that these loads speak of, and the members they belong or belonged to
-- Fills:  work_span, one row per span and member
-- Reads:  work_enrollment, warehouse.fact_enrollment
-- Values: none
CREATE TEMPORARY TABLE work_span ON COMMIT DROP AS
SELECT
    incoming.enrollment_id,
    incoming.member_durable_key
FROM work_enrollment AS incoming
UNION
SELECT
    replaced.enrollment_id,
    replaced.member_durable_key
FROM warehouse.fact_enrollment AS replaced
INNER JOIN work_enrollment AS incoming
    ON replaced.transaction_id = incoming.transaction_id
