"""Write the bill of materials (CycloneDX 1.6, JSON) of the locked environment: build/sbom.json.

    .venv/bin/python tools/sbom.py [-o FILE]

Components are the lines of requirements.lock; their licences are what the installed packages state.
"""

from __future__ import annotations

import argparse
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from rafr import __version__

ROOT = Path(__file__).resolve().parent.parent
_LONGEST = 100  # characters; what is longer is a licence's text, not its name


def bill() -> Bom:
    """The project and every locked package, the same for the same lock and environment."""
    bom = Bom()
    project = Component(name="rafr", type=ComponentType.APPLICATION, version=__version__, bom_ref="rafr")
    bom.metadata.component = project
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        name, equal, version = line.partition("==")
        if equal and not line.startswith("#"):
            bom.components.add(_component(name, version))
    bom.register_dependency(project, bom.components)
    return bom


def _component(name: str, version: str) -> Component:
    url = PackageURL("pypi", name=name, version=version)
    licences = [DisjunctiveLicense(name=said) for said in [licence(name)] if said]
    return Component(name=name, version=version, purl=url, bom_ref=str(url), licenses=licences)


def licence(name: str) -> str:
    """What an installed package states: SPDX expression, classifier or its own words; empty: nothing."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return ""
    classifiers = [c for c in about.get_all("Classifier", []) if c.startswith("License ::")]
    stated = [*about.get_all("License-Expression", []), *(c.rsplit(" :: ", 1)[1] for c in classifiers)]
    words = [line for text in about.get_all("License", []) for line in text.strip().splitlines()[:1]]
    return next((s for s in (*stated, *words) if s and len(s) < _LONGEST), "")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, default=ROOT / "build" / "sbom.json", metavar="FILE")
    out = parser.parse_args().out
    out.parent.mkdir(parents=True, exist_ok=True)
    bom = bill()
    out.write_text(JsonV1Dot6(bom).output_as_string(indent=1) + "\n", encoding="utf-8")
    stated = sum(bool(c.licenses) for c in bom.components)
    print(f"{out}: {len(bom.components)} packages, {stated} with a licence")


if __name__ == "__main__":
    main()
