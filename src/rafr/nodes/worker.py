"""Long computations of a node in a process of their own, so that heartbeats and services go on.

Registration and planning call libraries that hold the interpreter lock for seconds; a thread would
starve the executor. The process is spawned, gets picklable arguments, and reports progress by a pipe.
"""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.task import Future

from rafr.errors import RafrError

POLL_PERIOD = 0.05  # s, wall time


class WorkerError(RafrError):
    """The computation failed; the message says why."""


def _call(pipe: Any, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    def progress(fraction: float, text: str = "") -> None:
        pipe.send(("progress", (float(fraction), text)))

    try:
        pipe.send(("result", function(*args, progress=progress, **kwargs)))
    except RafrError as error:
        pipe.send(("refused", str(error)))
    except BaseException as error:  # the parent must hear of every end
        pipe.send(("failed", f"{error!r}\n{traceback.format_exc()}"))
    finally:
        pipe.close()


def run_in_process(
    node: Node,
    function: Callable[..., Any],
    *args: Any,
    on_progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    **kwargs: Any,
) -> Future:
    """Start `function(*args, progress=…, **kwargs)` in a process; await the future in a coroutine.

    Args:
        node: its executor polls the process (wall time).
        function: importable by name, takes `progress`; arguments and result must be picklable.
        on_progress: called in the executor's thread.
        cancelled: polled; when True the process is ended and the future fails with WorkerError.

    The future's exception is WorkerError when the function raised, was cancelled or died.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_call, args=(sender, function, args, kwargs), daemon=True)
    process.start()
    sender.close()
    future: Future = Future(executor=node.executor)

    def finish(result: Any = None, error: str | None = None) -> None:
        timer.cancel()
        node.destroy_timer(timer)
        process.join(timeout=1.0)
        if process.is_alive():
            process.kill()
        receiver.close()
        if future.done():
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(WorkerError(error))

    def poll() -> None:
        try:
            while receiver.poll():
                kind, value = receiver.recv()
                if kind == "progress":
                    if on_progress is not None:
                        on_progress(*value)
                else:
                    finish(*((value,) if kind == "result" else (None, value)))
                    return
        except EOFError:
            finish(None, f"the computing process ended with code {process.exitcode}")
            return
        if cancelled is not None and cancelled():
            process.kill()
            finish(None, "cancelled")

    timer: Any = node.create_wall_timer(POLL_PERIOD, poll)  # type: ignore[attr-defined]
    return future
