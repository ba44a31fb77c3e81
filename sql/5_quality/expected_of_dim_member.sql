-- Title:  Member versions as their rules see them: a column a rule, true where the version is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  warehouse.dim_member, etl.load
-- Values: :senior_age
WITH versions AS (
    SELECT
        member.*,
        lead(member.start_date) OVER entity AS next_start_date,
        min(member.member_id) OVER entity <> max(member.member_id) OVER entity AS is_shared,
        count(*) OVER (PARTITION BY member.member_id, member.start_date) > 1 AS is_doubled,
        count(*) OVER (PARTITION BY member.member_key) > 1 AS is_key_doubled
    FROM warehouse.dim_member AS member
    WHERE member.member_key NOT IN (-1, -2)
    WINDOW
        entity AS (
            PARTITION BY member.member_durable_key
            ORDER BY member.start_date
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
),

horizon AS (
    SELECT max(load.as_of) AS last_day
    FROM etl.load AS load
)

SELECT
    'member_key ' || versions.member_key AS failed_key,
    versions.sex_code,
    versions.relationship_code,
    versions.rating_area,
    versions.fpl_percent,
    versions.is_inferred AS unknown_member,
    versions.next_start_date < versions.end_date AS versions_overlap,
    versions.start_date >= versions.end_date AS interval_inverted,
    versions.is_shared AS durable_key_shared,
    versions.is_doubled AS business_key_doubled,
    versions.is_key_doubled AS surrogate_key_doubled,
    versions.row_hash IS NULL AND NOT versions.is_inferred AS hash_missing,
    versions.birth_date > horizon.last_day OR versions.birth_date < DATE '1900-01-02' AS birth_date_impossible,
    NOT versions.is_inferred AND versions.birth_date IS NULL AS birth_date_missing,
    horizon.last_day >= versions.birth_date + make_interval(years => :senior_age::integer) AND versions.current_flag
        AS old_for_the_market,
    versions.zip_code !~ '^[0-9]{5}(-?[0-9]{4})?$' AS zip_code_malformed,
    versions.county_fips !~ '^[0-9]{5}$' AS county_fips_malformed,
    NOT versions.is_inferred AND versions.rating_area IS NULL AS rating_area_missing,
    versions.relationship_code = 'self' AND versions.subscriber_id <> versions.member_id AS subscriber_of_another
FROM versions
CROSS JOIN horizon
