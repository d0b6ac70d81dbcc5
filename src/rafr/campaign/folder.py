"""A campaign on disk: what it was asked for, and a file for every patient who is done."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rafr.campaign.apart import Finished
from rafr.campaign.patients import CampaignConfig
from rafr.campaign.result import PatientResult, read_result
from rafr.errors import InputError
from rafr.files import written_whole
from rafr.foreign import read_json

MANIFEST, PATIENTS, PATIENT = "campaign.json", "patients", "patient.json"


@dataclass(frozen=True, slots=True)
class CampaignFolder:
    """`DIR/campaign.json`, and `DIR/patients/NNNN/patient.json` once a patient is done."""

    path: Path

    @staticmethod
    def opened(path: Path, config: CampaignConfig) -> CampaignFolder:
        """A new campaign, or one to go on with.

        Raises:
            InputError: it cannot be made, or holds a campaign of other patients.
        """
        folder = CampaignFolder(path)
        asked = _plain(config)
        if folder.manifest.is_file():
            folder._require(asked)
            return folder
        if path.is_dir() and any(path.iterdir()):
            raise InputError(
                path, "is not empty and holds no campaign", "a new folder, or that of a campaign"
            )
        try:
            (path / PATIENTS).mkdir(parents=True, exist_ok=True)
            folder.write(MANIFEST, json.dumps(asked, indent=1) + "\n")
        except OSError as error:
            raise InputError(path, f"cannot be made ({error.strerror})", "a folder to write to") from None
        return folder

    @property
    def manifest(self) -> Path:
        return self.path / MANIFEST

    def of(self, number: int) -> Path:
        """A patient's own folder."""
        return self.path / PATIENTS / f"{number:04d}"

    def done(self, n: int) -> dict[int, PatientResult]:
        """Results of the first `n` patients that are there, by number.

        Raises:
            InputError: a file is none of a campaign's.
        """
        there = (number for number in range(n) if (self.of(number) / PATIENT).is_file())
        return {number: read_result(self.of(number) / PATIENT) for number in there}

    def keep(self, finished: Finished) -> None:
        """Write a patient, the result last: what was begun before and not finished is replaced."""
        folder = self.of(finished.result.patient.number)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, content in finished.files.items():
            (folder / name).write_bytes(content)
        text = json.dumps(finished.result.to_json(), indent=1, allow_nan=False) + "\n"
        with written_whole(folder / PATIENT) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def write(self, name: str, text: str) -> None:
        """A file of the campaign itself, whole."""
        with written_whole(self.path / name) as temporary:
            temporary.write_text(text, encoding="utf-8")

    def _require(self, asked: dict[str, Any]) -> None:
        there = read_json(self.manifest, "the settings of a campaign")
        if not isinstance(there, dict):
            raise InputError(self.manifest, "is no mapping", "the settings of a campaign")
        for key in sorted(asked.keys() | there.keys()):
            if asked.get(key) != there.get(key):
                problem = f"was begun with {key} {there.get(key)!r}, not {asked.get(key)!r}"
                raise InputError(
                    self.path, problem, "the same settings (only --n may change), or a new folder"
                )


def _plain(config: CampaignConfig) -> dict[str, Any]:
    """As JSON reads it back."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return plain
