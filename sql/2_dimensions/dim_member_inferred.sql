-- Title:  Members that claims or enrollments name before any member file does
-- Fills:  warehouse.dim_member: an inferred row with the business key only, filled in place later
-- Reads:  staging.stg_claim, stg_enrollment, warehouse.dim_member
-- Values: :claims, :enrollments (the loads whose file of the feed is applied)
INSERT INTO warehouse.dim_member (
    member_durable_key, member_key, member_id, start_date, first_observed_date, is_inferred, load_id, load_timestamp
)
WITH named AS (
    SELECT
        either.member_id,
        min(either.load_id) AS load_id,
        min(either.load_timestamp) AS load_timestamp
    FROM (
        SELECT
            claim.member_id,
            min(claim.load_id) AS load_id,
            min(claim.load_timestamp) AS load_timestamp
        FROM staging.stg_claim AS claim
        WHERE claim.load_id = ANY(:claims) AND claim.member_id IS NOT NULL
        GROUP BY claim.member_id
        UNION ALL
        SELECT
            enrollment.member_id,
            min(enrollment.load_id) AS load_id,
            min(enrollment.load_timestamp) AS load_timestamp
        FROM staging.stg_enrollment AS enrollment
        WHERE enrollment.load_id = ANY(:enrollments)
        GROUP BY enrollment.member_id
    ) AS either
    GROUP BY either.member_id
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
FROM named
LEFT JOIN warehouse.dim_member AS member
    ON named.member_id = member.member_id
WHERE member.member_id IS NULL
