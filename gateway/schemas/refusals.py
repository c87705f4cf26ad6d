"""The refusals of an operation, as the OpenAPI document names them."""

from __future__ import annotations

from typing import Any

from gateway.api import problem
from gateway.api.problem import Kind, ProblemDetails


def refusals(*kinds: Kind) -> dict[str, Any]:
    """Describe the problems that an operation may end with; several of one status share its entry."""
    found: dict[str, Any] = {}
    schema = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}
    for kind in dict.fromkeys(kinds):
        entry = found.setdefault(
            str(kind.status), {"description": "", "content": {problem.MEDIA_TYPE: {"schema": schema}}}
        )
        entry["description"] += f"{' Or: ' if entry['description'] else ''}{kind.title} (/problems/{kind.slug})."
        if kind.status == problem.UNAVAILABLE.status:
            entry["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    return found
