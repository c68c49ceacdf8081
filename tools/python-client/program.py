"""A program that grows a server by openstacksdk, as docs/openstack-client.md shows: program.py CLOUD SERVER VCPUS."""
import sys

import openstack
from xloudclient.sdk import attach

cloud, name, vcpus = sys.argv[1:]
conn = attach(openstack.connect(cloud=cloud))
server = conn.compute.find_server(name, ignore_missing=False)
conn.xloud.adjust_server(server, vcpus=int(vcpus))
adjustment = conn.xloud.wait_for_adjustment(server, interval=0.1, timeout=60)
listed = [one.server_id for one in conn.xloud.adjustments()]
print(adjustment.vcpus['current'], adjustment.status, server.id in listed)
try:
    conn.xloud.adjust_server(server, vcpus=99)
except openstack.exceptions.BadRequestException as error:
    print(error)
