"""Formats resources for the client's tables and for `-f json`."""
from cliff.columns import FormattableColumn
from openstack import exceptions as sdk_exceptions
from osc_lib import exceptions
from osc_lib.cli import format_columns


class WayColumn(FormattableColumn):
    """A way to another size: yes, or all reasons against it."""

    def human_readable(self):
        if self._value['possible']:
            return 'yes'
        return 'no: ' + ' '.join(reason['message'] for reason in self._value['reasons'])


class JoinedColumn(FormattableColumn):
    """Scheduled sizes, one per line."""

    def human_readable(self):
        return '\n'.join(', '.join(f'{key}={value}' for key, value in one.items()) for one in self._value or [])


def fields(source, names, formatters=None):
    """The columns and values of a ShowOne. An item of `names` is an attribute, or `(name, attribute)`."""
    pairs = [name if isinstance(name, tuple) else (name, name) for name in names]
    return [name for name, _ in pairs], [shaped(getattr(source, attr), name, formatters) for name, attr in pairs]


def shaped(value, name, formatters):
    """Wraps a value in the formatter of its name, if there is one; None stays None."""
    formatter = (formatters or {}).get(name)
    return value if formatter is None or value is None else formatter(value)


class Progress:
    """Progress like the client's own, but on stderr, since stdout may be read by programs."""

    def __init__(self, app, text):
        self._stream, self._text, self._shown = app.stderr, text, False

    def __call__(self, seen):
        self._shown = True
        self._stream.write(f'\rProgress: {self._text(seen)}')
        self._stream.flush()

    def end(self):
        if self._shown:
            self._stream.write('\n')


def waited(app, text, wait):
    """Returns `wait(callback)`; shows `text(seen)` for every earlier result.

    A failure ends the command with its message and status 1.
    """
    tell = Progress(app, text)
    try:
        return wait(tell)
    except sdk_exceptions.SDKException as error:
        raise exceptions.CommandError(str(error)) from error
    finally:
        tell.end()


def delete_each(log, names, delete, what, plural):
    """Deletes each name, continues after a failure, and fails at the end as the client's own commands do."""
    failed = 0
    for name in names:
        try:
            delete(name)
        except Exception as error:
            failed += 1
            log.error("Failed to delete %s with name or ID '%s': %s", what, name, error)
    if failed:
        raise exceptions.CommandError(f'{failed} of {len(names)} {plural} failed to delete.')


DICT = format_columns.DictColumn
LIST = format_columns.ListColumn
