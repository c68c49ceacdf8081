"""For programs: `attach(conn)` adds `conn.xloud` to an openstacksdk connection."""
from xloudclient.sdk.proxy import Proxy

__all__ = ['Proxy', 'attach']


def attach(conn):
    """Adds `xloud`, a `Proxy` over the compute service, to a connection and returns the connection.

    Also usable as vendor hook in clouds.yaml: `vendor_hook: xloudclient.sdk:attach`.
    """
    conn.xloud = Proxy(lambda: conn.compute)
    return conn
