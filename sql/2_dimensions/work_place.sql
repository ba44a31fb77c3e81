-- Title:  Places that the members of these loads live in
-- Fills:  work_place, one row per state, county and rating area as delivered
-- Reads:  staging.stg_member
-- Values: :loads
CREATE TEMPORARY TABLE work_place ON COMMIT DROP AS
SELECT
    member.state_code,
    member.county_fips,
    member.rating_area,
    min(member.load_id) AS load_id
FROM staging.stg_member AS member
WHERE member.load_id = ANY(:loads)
GROUP BY 1, 2, 3
