"""The severity of a CVSS 3 vector, by its base score.

Source: https://www.first.org/cvss/v3.1/specification-document, sections 5 and 7. Vectors of other
versions have no severity here: version 4 needs the tables of its calculator.
"""

from __future__ import annotations

_WEIGHTS = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0.0},
    "I": {"H": 0.56, "L": 0.22, "N": 0.0},
    "A": {"H": 0.56, "L": 0.22, "N": 0.0},
}
_PRIVILEGES = {
    "U": {"N": 0.85, "L": 0.62, "H": 0.27},
    "C": {"N": 0.85, "L": 0.68, "H": 0.5},
}
_BANDS = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low"))


def severity(vector: str) -> str:
    """Return critical, high, medium or low; "" for no impact, or a vector that is not CVSS 3.

    >>> severity("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
    'critical'
    """
    score = base_score(vector)
    if score is None:
        return ""
    return next((name for bound, name in _BANDS if score >= bound), "")


def base_score(vector: str) -> float | None:
    """Return the base score, from 0.0 to 10.0; None for a vector that is not CVSS 3."""
    label, *parts = vector.split("/")
    if label not in ("CVSS:3.0", "CVSS:3.1"):
        return None
    metrics = dict(part.split(":", 1) for part in parts if ":" in part)
    try:
        scope = metrics["S"]
        weights = {name: values[metrics[name]] for name, values in _WEIGHTS.items()}
        privileges = _PRIVILEGES[scope][metrics["PR"]]
    except KeyError:
        return None
    impact = 1 - (1 - weights["C"]) * (1 - weights["I"]) * (1 - weights["A"])
    exploitability = 8.22 * weights["AV"] * weights["AC"] * privileges * weights["UI"]
    if scope == "U":
        return _round_up(min(6.42 * impact + exploitability, 10)) if impact > 0 else 0.0
    changed = 7.52 * (impact - 0.029) - 3.25 * (impact - 0.02) ** 15
    return _round_up(min(1.08 * (changed + exploitability), 10)) if changed > 0 else 0.0


def _round_up(score: float) -> float:
    """Round up to one decimal as appendix A of the specification does, free of float noise."""
    scaled = round(score * 100_000)
    return scaled / 100_000 if scaled % 10_000 == 0 else (scaled // 10_000 + 1) / 10
