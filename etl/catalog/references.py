"""The code lists of reference/: which dimension each fills, and which codes facts may add to it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReferenceSpec:
    """A dimension that is filled from `reference/<file>.csv`, whose header names its columns.

    `key`: its code. `named_by`: a SQL file that adds the codes which facts of a load name and the list does not.
    """

    table: str
    file: str
    key: tuple[str, ...]
    named_by: str | None = None


REFERENCES: tuple[ReferenceSpec, ...] = (
    ReferenceSpec("dim_diagnosis", "diagnosis", ("diagnosis_code",), "dim_diagnosis_named"),
    ReferenceSpec("dim_procedure", "procedure", ("procedure_code",), "dim_procedure_named"),
    ReferenceSpec("dim_place_of_service", "place_of_service", ("place_of_service_code",), "dim_place_of_service_named"),
    ReferenceSpec("dim_claim_status", "claim_status", ("claim_frequency_code", "claim_line_status")),
    ReferenceSpec("dim_tc_reason", "tc_reason", ("tc_reason_code",)),
    ReferenceSpec("dim_denial_reason", "denial_reason", ("carc_group_code", "carc_code"), "dim_denial_reason_named"),
    ReferenceSpec(
        "dim_enrollment_reason",
        "enrollment_reason",
        ("maintenance_type_code", "maintenance_reason_code"),
        "dim_enrollment_reason_named",
    ),
    ReferenceSpec("dim_age_band", "age_band", ("age_band_code",)),
    ReferenceSpec("dim_fpl_band", "fpl_band", ("fpl_band_code",)),
    ReferenceSpec("dim_service_category", "service_category", ("service_category_code",)),
    ReferenceSpec("service_category_rule", "service_category_rule", ("rule_number",)),
)
