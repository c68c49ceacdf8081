"""Parsers for option values; they raise argparse's errors."""
import argparse
import re
from fractions import Fraction

_MIB = {'': 1, 'M': 1, 'G': 1 << 10, 'T': 1 << 20}
_SIZE = re.compile(r'(\d+(?:\.\d+)?)(?:([MGT])(?:iB)?)?', re.IGNORECASE | re.ASCII)


def positive(text):
    """A whole number from 1."""
    if not re.fullmatch('[0-9]{1,10}', text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a positive whole number')
    return int(text)


def memory(text):
    """MiB: `4096`, `4096M`, `4G`, `1.5GiB`, `1T`."""
    found = _SIZE.fullmatch(text)
    mib = Fraction(found[1]) * _MIB[(found[2] or '').upper()] if found else Fraction(0)
    if mib < 1 or mib.denominator != 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a memory size: whole MiB, or as 512M, 4G, 1.5GiB')
    return int(mib)


def share(text):
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    # nan compares as false
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a number from 0 to 1')
    return value


def span(size):
    """A type for `MIN:MAX` and `MIN:MAX:STEP` of sizes."""

    def read(text):
        parts = text.split(':')
        if len(parts) not in (2, 3):
            raise argparse.ArgumentTypeError(f'{text!r} is not <min>:<max> or <min>:<max>:<step>')
        return dict(zip(('min', 'max', 'step'), map(size, parts)))

    return read


_PARTS = {'vcpus': ('vcpus', positive), 'memory': ('memory_mb', memory), 'timezone': ('timezone', str)}


def schedule(text):
    """`0 7 * * 1-5; vcpus=3; memory=4G; timezone=Europe/Berlin`: semicolons, since cron uses commas."""
    cron, *parts = (part.strip() for part in text.split(';'))
    if len(cron.split()) != 5:
        raise argparse.ArgumentTypeError(f'{cron!r} does not have the five fields of cron')
    found = {'cron': cron}
    for part in parts:
        key, _, value = part.partition('=')
        if key not in _PARTS or value == '':
            raise argparse.ArgumentTypeError(f'{part!r} is not vcpus=<number>, memory=<size> or timezone=<name>')
        name, read = _PARTS[key]
        found[name] = read(value)
    return found
