"""Polling for the end of asynchronous operations."""
import time

from openstack import exceptions

PAUSE_S = 2


def until(look, is_over, what, *, interval=PAUSE_S, timeout=None, callback=None):
    """Calls `look()` until `is_over` of its result, and returns that; `callback` gets each earlier result.

    :raises: :class:`openstack.exceptions.ResourceTimeout` after `timeout` seconds (None: never)
    """
    give_up_at = None if timeout is None else time.monotonic() + timeout
    while True:
        seen = look()
        if is_over(seen):
            return seen
        if callback is not None:
            callback(seen)
        if give_up_at is not None and time.monotonic() >= give_up_at:
            raise exceptions.ResourceTimeout(f'{what}: not within {timeout} s')
        time.sleep(interval)
