"""Makes nbval notice at once that a kernel has died: it would wait for the whole time that a cell may take."""

import time
from queue import Empty

from nbval.kernel import RunningKernel

from tools.notebooks import DEAD

LOOK = 2  # seconds between looks whether the kernel is alive

wait = RunningKernel.get_message


def get_message(self, stream, timeout=None):
    """Waits for a message as nbval does, and raises RuntimeError if none can come any more."""
    end = time.monotonic() + (float("inf") if timeout is None else timeout)
    while True:
        try:
            return wait(self, stream, min(LOOK, max(0, end - time.monotonic())))
        except Empty:
            if not self.is_alive():
                raise RuntimeError(f"The kernel was killed or crashed in this cell. {DEAD}") from None
            if time.monotonic() >= end:
                raise


RunningKernel.get_message = get_message
