"""For programs: `attach(conn)` gives an openstacksdk connection its `conn.xloud`."""
from xloudclient.sdk.proxy import Proxy

__all__ = ['Proxy', 'attach']


def attach(conn):
    """Gives a connection its `xloud`, a `Proxy` over its compute service, and returns it.

    Also a vendor hook of a clouds.yaml: `vendor_hook: xloudclient.sdk:attach`.
    """
    conn.xloud = Proxy(lambda: conn.compute)
    return conn
