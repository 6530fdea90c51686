"""Whether a model's own licenses carry on the use restrictions of its bases' licenses; shown, and decided by nobody yet."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from registry import licenses
from registry.catalog import lineage, service
from registry.catalog.domain import ModelView
from registry.identity.domain import Principal
from registry.kernel.outcomes import Refusal
from registry.licenses.domain import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseTerms:
    """A license that comes with a base, beside the model's own licenses."""

    base: ModelView
    version: Version
    carried: licenses.Carried
    rows: Sequence[licenses.ComparedRestriction]
    """Empty where the registry does not know what the base's license restricts."""


def compare_terms(
    session: Session, *, publisher: str, name: str, principal: Principal
) -> Sequence[BaseTerms] | Refusal:
    """Return each license that comes with the bases `principal` may see, compared with the model's own licenses.

    Nothing is compared where the model has no license of its own: then those of its bases alone are binding.
    """
    model = service.find_model(session, publisher=publisher, name=name, principal=principal)
    if isinstance(model, Refusal):
        return model
    own = model.gate.license_version_ids
    if not own:
        return []
    found = [licenses.find_restrictions(session, version_id) for version_id in own]
    seen, _ = lineage.find_asking(session, model, principal)
    compared = []
    for base in seen:
        for version_id in base.gate.license_version_ids:
            if version_id in own:
                continue
            asked = licenses.find_restrictions(session, version_id)
            rows = licenses.compare_restrictions(asked, found) if asked is not None else []
            compared.append(
                BaseTerms(
                    base=base,
                    version=licenses.get_version_by_id(session, version_id),
                    carried=licenses.summarise_compared(rows)
                    if asked is not None
                    else licenses.Carried.UNKNOWN,
                    rows=rows,
                )
            )
    return compared
