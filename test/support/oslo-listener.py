# Why: the reference for src/bus/notifications.ts. Listens as Ceilometer and its kin do, through oslo.messaging, and prints each
# notification as a JSON line.
#
# usage: oslo-listener.py URL TOPIC
import json
import os
import sys
import warnings

warnings.simplefilter('ignore')

from oslo_config import cfg
import oslo_messaging


def say(what):
    # one write, from one thread at a time: print() is neither
    os.write(1, (json.dumps(what) + '\n').encode())


class Endpoint:
    def tell(self, ctxt, publisher_id, event_type, payload, metadata):
        say({
            'context': ctxt,
            'publisher_id': publisher_id,
            'event_type': event_type,
            'payload': payload,
            'timestamp': metadata['timestamp'],
        })

    info = tell
    error = tell


conf = cfg.ConfigOpts()
conf([], project='listener')
transport = oslo_messaging.get_notification_transport(conf, url=sys.argv[1])
target = oslo_messaging.Target(topic=sys.argv[2], exchange='nova')
listener = oslo_messaging.get_notification_listener(transport, [target], [Endpoint()], executor='threading')
# one thread, so that what comes in order is heard in order
listener.start(override_pool_size=1)
say({'listening': True})
listener.wait()
