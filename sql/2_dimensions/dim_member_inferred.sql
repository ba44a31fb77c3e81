-- Title:  Members that claims or enrollments name before any member file does
-- Fills:  warehouse.dim_member: an inferred row with the business key only, filled in place later
-- Reads:  work_named_member
-- Values: none
INSERT INTO warehouse.dim_member (
    member_durable_key, member_key, member_id, start_date, first_observed_date, is_inferred, load_id, load_timestamp
)
SELECT
    etl.computed_key(octet_length(named.member_id) || ':' || named.member_id) AS member_durable_key,
    etl.computed_key(octet_length(named.member_id) || ':' || named.member_id || ',10:1900-01-01') AS member_key,
    named.member_id,
    DATE '1900-01-01' AS start_date,
    DATE '1900-01-01' AS first_observed_date,
    TRUE AS is_inferred,
    named.load_id,
    named.load_timestamp
FROM work_named_member AS named
