-- Title:  Claim lines of these loads that point to a dimension row that is not there
-- Fills:  nothing: gives the keys that fail
-- Reads:  warehouse.fact_claim_line, dim_member, dim_plan, dim_provider, dim_geography, dim_date
-- Values: :loads
WITH keys AS (
    SELECT DISTINCT
        fact.member_key,
        fact.plan_key,
        fact.rendering_provider_key,
        fact.billing_provider_key,
        fact.geography_key,
        fact.service_date_key
    FROM warehouse.fact_claim_line AS fact
    WHERE fact.load_id = ANY(:loads)
),

named AS (
    SELECT DISTINCT
        either.dimension,
        either.surrogate_key
    FROM keys
    CROSS JOIN LATERAL (
        VALUES
        ('member', keys.member_key), ('plan', keys.plan_key), ('provider', keys.rendering_provider_key),
        ('provider', keys.billing_provider_key), ('geography', keys.geography_key), ('date', keys.service_date_key::bigint)
    ) AS either (dimension, surrogate_key)
)

SELECT named.dimension || ' ' || named.surrogate_key AS failed_key
FROM named
LEFT JOIN warehouse.dim_member AS member
    ON named.dimension = 'member' AND named.surrogate_key = member.member_key
LEFT JOIN warehouse.dim_plan AS plan
    ON named.dimension = 'plan' AND named.surrogate_key = plan.plan_key
LEFT JOIN warehouse.dim_provider AS provider
    ON named.dimension = 'provider' AND named.surrogate_key = provider.provider_key
LEFT JOIN warehouse.dim_geography AS geography
    ON named.dimension = 'geography' AND named.surrogate_key = geography.geography_key
LEFT JOIN warehouse.dim_date AS day
    ON named.dimension = 'date' AND named.surrogate_key = day.date_key
WHERE
    member.member_key IS NULL
    AND plan.plan_key IS NULL
    AND provider.provider_key IS NULL
    AND geography.geography_key IS NULL
    AND day.date_key IS NULL
