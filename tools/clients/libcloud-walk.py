"""Calls every method of Apache libcloud's OpenStack driver, and asks the API after each what became of it.

It prints one JSON object a line: {"test", "status": pass|fail|skip, "why"}; a test is a method. One that no step calls is skipped.
"""
import inspect
import json
import os
import sys
import traceback
import warnings

from libcloud.compute.drivers.openstack import OpenStack_2_NodeDriver

import walk_network
import walk_servers
import walk_storage
from walk import Api, Walk

warnings.simplefilter('ignore')


def outcome_of(step, walk):
    try:
        step(walk)
        return 'pass', ''
    except NotImplementedError as error:
        return 'skip', f'the driver has it not: {error}'
    except Exception as error:
        print(f'--- {step.__name__}', file=sys.stderr)
        traceback.print_exc()
        lines = str(error).strip().splitlines() or ['']
        return 'fail', f'{type(error).__name__}: {lines[0]}'


def main():
    url, password = os.environ['OS_AUTH_URL'], os.environ['OS_PASSWORD']
    driver = OpenStack_2_NodeDriver(
        'admin',
        password,
        # the driver adds the version itself
        ex_force_auth_url=url.removesuffix('/v3'),
        ex_force_auth_version='3.x_password',
        ex_tenant_name='admin',
        ex_domain_name='Default',
        ex_force_service_region='RegionOne',
    )
    walk = Walk(driver, Api(url, password))
    methods = {name for name, _ in inspect.getmembers(OpenStack_2_NodeDriver, inspect.isfunction) if name[0] != '_'}
    steps = [*walk_servers.steps, *walk_storage.steps, *walk_network.steps, *walk_servers.last_steps]
    for step in steps:
        methods.discard(step.__name__)
        status, why = outcome_of(step, walk)
        print(json.dumps({'test': step.__name__, 'status': status, 'why': why}))
    for name in sorted(methods):
        print(json.dumps({'test': name, 'status': 'skip', 'why': 'no step calls it'}))


main()
