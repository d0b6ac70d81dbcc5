"""Patients on the workers of a Dask cluster (`pip install rafr[dask]`)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from rafr.campaign.apart import Finished, operate_apart
from rafr.campaign.patients import Patient
from rafr.errors import InputError

_CONNECT = 10.0  # s to find the scheduler


class DaskWorkers:
    """Whatever workers a scheduler has; a patient whose worker dies is given to another.

    Args:
        address: of the scheduler, `tcp://host:8786`.
        operate: what a worker calls.

    Raises:
        InputError: Dask is not installed, or there is no scheduler.
    """

    def __init__(self, address: str, operate: Callable[[Patient, float], Finished] = operate_apart) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise InputError("--dask", "distributed is not installed", "pip install 'rafr[dask]'") from None
        try:
            self._client: Any = Client(address, timeout=_CONNECT, set_as_default=False)
        except (OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise InputError("--dask", f"no scheduler at {address} ({reason})", "its address") from None
        self._executor, self._operate = self._client.get_executor(pure=False), operate

    def submit(self, patient: Patient, limit: float) -> Future[Finished]:
        future: Future[Finished] = self._executor.submit(self._operate, patient, limit)
        return future

    def stop(self) -> None:
        with contextlib.suppress(Exception):  # a scheduler that is gone has nothing left to cancel
            self._executor.shutdown(wait=False, cancel_futures=True)
        self._client.close()
