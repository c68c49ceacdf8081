"""What is wrong with a step, and waiting until something is right."""
import time

PATIENCE_S = 60


class Trouble(Exception):
    pass


def until(what, look):
    """What `look` finds, once it finds anything."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Trouble(f'not within {PATIENCE_S} s: {what}')
        time.sleep(0.3)


def same(what, found, wanted):
    if found != wanted:
        raise Trouble(f'{what}: {found!r}, not {wanted!r}')
