-- Title:  Places that the members of these loads live in
-- Fills:  warehouse.dim_geography, one row per state, county and rating area
-- Reads:  staging.stg_member, etl.load
-- Values: :loads
INSERT INTO warehouse.dim_geography (
    geography_key, state_code, county_fips, rating_area, rating_area_name, load_id, load_timestamp
)
WITH named AS (
    SELECT
        COALESCE(member.state_code, '') AS state_code,
        COALESCE(member.county_fips, '') AS county_fips,
        COALESCE(member.rating_area, 0) AS rating_area,
        min(member.load_id) AS load_id
    FROM staging.stg_member AS member
    WHERE member.load_id = ANY(:loads)
    GROUP BY 1, 2, 3
)

SELECT
    etl.computed_key(
        octet_length(named.state_code) || ':' || named.state_code || ','
        || octet_length(named.county_fips) || ':' || named.county_fips || ','
        || octet_length(named.rating_area::text) || ':' || named.rating_area::text
    ) AS geography_key,
    named.state_code,
    named.county_fips,
    named.rating_area,
    named.state_code || ' ' || named.rating_area::text AS rating_area_name,
    named.load_id,
    load.load_timestamp
FROM named
INNER JOIN etl.load AS load
    ON named.load_id = load.load_id
WHERE (named.state_code, named.county_fips, named.rating_area) <> ('', '', 0)
ON CONFLICT (state_code, county_fips, rating_area) DO NOTHING
