"""A trained nnU-Net v2 model (Isensee 2021, doi 10.1038/s41592-020-01008-z), where its user has one.

The PENGWIN challenge's models are of this kind; their labels are rafr's own.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rafr.errors import InputError
from rafr.imaging.volume import Volume
from rafr.progress import Progress, silent
from rafr.segmentation.label_import import refuse_seeds
from rafr.segmentation.label_table import PENGWIN, translated
from rafr.segmentation.seeds import Seeds
from rafr.segmentation.segmenter import Segmentation

_MODEL_FILES = ("plans.json", "dataset.json")


@dataclass(frozen=True, slots=True)
class NnUnet:
    """Predicts with a model folder (`plans.json`, `dataset.json`, `fold_N/`).

    Attributes:
        model: the folder nnU-Net's training has written (`…/nnUNetTrainer__nnUNetPlans__3d_fullres`).
        table: the model's label values to rafr's.
        folds: which folds are averaged; empty for those there are.
        checkpoint: file in every fold.
        device: cpu or cuda.
    """

    model: Path
    table: dict[int, int] = field(default_factory=lambda: dict(PENGWIN))
    folds: tuple[int, ...] = ()
    checkpoint: str = "checkpoint_final.pth"
    device: str = "cpu"

    def segment(self, ct: Volume, seeds: Seeds | None, progress: Progress = silent) -> Segmentation:
        refuse_seeds(seeds, "nnunet")
        folds = self._folds()
        torch, predictor_class = _interface()
        progress(0.0, "loading the model")
        try:
            predictor = predictor_class(
                use_mirroring=False, device=torch.device(self.device), verbose=False, allow_tqdm=False
            )
            predictor.initialize_from_trained_model_folder(
                str(self.model), use_folds=folds, checkpoint_name=self.checkpoint
            )
            progress(0.1, "nnU-Net")
            # nnU-Net reads images as SimpleITK does: (channel, k, j, i), spacing along k, j, i
            image = ct.array[None].astype(np.float32)
            spacing = {"spacing": [float(s) for s in ct.spacing[::-1]]}
            predicted = np.asarray(predictor.predict_single_npy_array(image, spacing, None, None, False))
        except (Exception, SystemExit) as error:  # torch and nnU-Net raise anything
            problem = " ".join(str(error).split())[:160] or type(error).__name__
            raise InputError(
                "nnunet", f"failed ({problem})", f"a model that fits this CT in {self.model}"
            ) from None
        if predicted.shape != ct.array.shape:
            raise InputError("nnunet", f"returned {predicted.shape} voxels", f"{ct.array.shape}, the CT's")
        return Segmentation(translated(ct.with_array(predicted), self.table, "nnU-Net's labels"))

    def _folds(self) -> tuple[int, ...]:
        missing = [n for n in _MODEL_FILES if not (self.model / n).is_file()]
        if missing:
            raise InputError(
                self.model, f"holds no {missing[0]}", "the folder of a trained nnU-Net v2 model (--model)"
            )
        present = sorted(int(p.parent.name[5:]) for p in self.model.glob(f"fold_[0-9]*/{self.checkpoint}"))
        absent = [f for f in self.folds if f not in present]
        if absent or not present:
            name = f"fold_{absent[0] if absent else 0}/{self.checkpoint}"
            raise InputError(self.model, f"holds no {name}", "the weights of every fold asked for")
        return self.folds or tuple(present)


def nnunet(model: str | None = None, table: dict[int, int] | None = None, device: str = "cpu") -> NnUnet:
    """The method for the options of the command line.

    Raises:
        InputError: no model is named.
    """
    if model is None:
        raise InputError("--model", "is missing", "the folder of a trained nnU-Net v2 model")
    return NnUnet(Path(model), table or dict(PENGWIN), device=device)


def _interface() -> tuple[Any, Any]:
    try:
        torch = importlib.import_module("torch")
        module = importlib.import_module("nnunetv2.inference.predict_from_raw_data")
        return torch, module.nnUNetPredictor
    except (ImportError, AttributeError) as error:
        problem = f"cannot be loaded ({' '.join(str(error).split())[:100]})"
        raise InputError("nnunet", problem, "pip install nnunetv2 (it brings torch)") from None
