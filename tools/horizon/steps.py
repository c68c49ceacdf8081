"""The steps of a walk: a line for each, and how many went well."""
import sys

from trouble import Trouble

done = failed = 0


def step(title, work, /, *words, **more):
    """Does it and says so; what fails keeps nothing else from being tried."""
    global done, failed
    try:
        result = work(*words, **more)
        done += 1
        print(f'ok      {title}', flush=True)
        return result
    except (Trouble, KeyError, IndexError, StopIteration) as trouble:
        failed += 1
        print(f'FAILED  {title}: {trouble!r}', flush=True)
        return None


def end():
    print(f'horizon: {done} steps went well, {failed} failed')
    sys.exit(0 if failed == 0 else 1)
