"""Grows a server by openstacksdk, by the vendor hook that a clouds.yaml can name: program.py CLOUD SERVER VCPUS."""
import sys

import openstack

cloud, name, vcpus = sys.argv[1:]
conn = openstack.connect(cloud=cloud, vendor_hook='xloudclient.sdk:attach')
server = conn.compute.find_server(name, ignore_missing=False)
conn.xloud.adjust_server(server, vcpus=int(vcpus))
adjustment = conn.xloud.wait_for_adjustment(server, interval=0.1, timeout=60)
listed = [one.server_id for one in conn.xloud.adjustments()]
print(adjustment.vcpus['current'], adjustment.status, server.id in listed)
try:
    conn.xloud.adjust_server(server, vcpus=99)
except openstack.exceptions.BadRequestException as error:
    print(error)
