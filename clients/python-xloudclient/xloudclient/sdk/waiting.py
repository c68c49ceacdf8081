"""What is asked for is done later: looks again until it is."""
import time

from openstack import exceptions

PAUSE_S = 2


def until(look, is_over, what, *, interval=PAUSE_S, timeout=None, callback=None):
    """What `look()` gives once `is_over` of it; `callback` is told of each look before.

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
