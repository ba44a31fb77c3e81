-- Title:  Places as their rules see them: a column a rule, true where the place is at fault
-- Fills:  nothing: great_expectations reads it, and so does the list of failing keys
-- Reads:  warehouse.dim_geography
-- Values: none
SELECT
    'geography_key ' || place.geography_key AS failed_key,
    place.rating_area,
    place.state_code !~ '^[A-Z]{2}$' AS state_malformed,
    place.county_fips !~ '^[0-9]{5}$' AS county_fips_malformed
FROM warehouse.dim_geography AS place
WHERE place.geography_key <> -1
