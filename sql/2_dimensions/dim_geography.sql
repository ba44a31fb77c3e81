-- Title:  Places that the members of these loads live in and that are not known yet
-- Fills:  warehouse.dim_geography, one row per state, county and rating area
-- Reads:  work_place, etl.load, warehouse.dim_geography
-- Values: none
INSERT INTO warehouse.dim_geography (
    geography_key, state_code, county_fips, rating_area, rating_area_name, load_id, load_timestamp
)
WITH places AS (
    SELECT
        COALESCE(place.state_code, '') AS state_code,
        COALESCE(place.county_fips, '') AS county_fips,
        COALESCE(place.rating_area, 0) AS rating_area,
        min(place.load_id) AS load_id
    FROM work_place AS place
    GROUP BY 1, 2, 3
)

SELECT
    etl.computed_key(
        octet_length(places.state_code) || ':' || places.state_code || ','
        || octet_length(places.county_fips) || ':' || places.county_fips || ','
        || octet_length(places.rating_area::text) || ':' || places.rating_area::text
    ) AS geography_key,
    places.state_code,
    places.county_fips,
    places.rating_area,
    places.state_code || ' ' || places.rating_area::text AS rating_area_name,
    places.load_id,
    load.load_timestamp
FROM places
INNER JOIN etl.load AS load
    ON places.load_id = load.load_id
LEFT JOIN warehouse.dim_geography AS known
    ON
        places.state_code = known.state_code
        AND places.county_fips = known.county_fips
        AND places.rating_area = known.rating_area
WHERE known.geography_key IS NULL
