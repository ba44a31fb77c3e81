-- Title:  Coverage spans that loads no longer in force spoke of
-- Fills:  work_withdrawn_span, one row per span and member
-- Reads:  warehouse.fact_enrollment
-- Values: :withdrawn
CREATE TEMPORARY TABLE work_withdrawn_span ON COMMIT DROP AS
SELECT DISTINCT
    withdrawn.enrollment_id,
    withdrawn.member_durable_key
FROM warehouse.fact_enrollment AS withdrawn
WHERE withdrawn.load_id = ANY(:withdrawn)
