# Each target installs what it needs and is missing (npm packages; as root with apt, Debian packages).
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

DATA ?= $(CURDIR)/var
PORT ?= 8774
DRIVER ?= auto
HOSTS ?= 3
ENGINE ?= basic

.PHONY: run cluster test dashboard chaos upgrade crash moves ovn cinder kubernetes sim test-unit test-libvirt openstack python-client clients horizon tempest tempest-libvirt tempest-scenario terraform terraform-provider ansible openstack-cloud openstack-day tempest-openstack move-in lint format bench demo host guest debian-guest deps build docs packages install-test image site clean

## Start everything in one process, on a real hypervisor where that can be had; ENGINE=ovn: with networks by OVN.
run: deps
	@ENGINE="$(ENGINE)" tools/run.sh --data-dir "$(DATA)" --port "$(PORT)" --driver "$(DRIVER)"

## Processes apart on this machine: HAProxy, two APIs, two workers, an agent for each of HOSTS=3 hosts, MariaDB, RabbitMQ; Ctrl-C ends all.
cluster: deps
	@tools/cluster.sh --hosts "$(HOSTS)" --port "$(PORT)" --driver "$(if $(filter auto,$(DRIVER)),fake,$(DRIVER))"

## Every test: unit, functional on SQLite and MariaDB, real libvirt (but what few guests have: see test-libvirt), real Keystone, real client.
test: deps
	@tools/test.sh all

test-unit: deps
	@tools/test.sh unit

## All that boots guests on a real libvirt: beside what `make test` runs of it, backups, NovaCron's document, NUMA, limits, firmware, kinds of disks, virtio-mem, KVM.
test-libvirt: deps
	@tools/test.sh libvirt

## Every compute command of the openstack client, Debian's and the newest, compared with what real Nova prints; two minutes.
openstack: deps
	@tools/openstack.sh

## A whole OpenStack with this in Nova's place, to use: Debian's Keystone, Glance and Neutron over two libvirt hosts; Ctrl-C ends all.
openstack-cloud: deps
	@tools/openstack-cloud.sh

## The same, and in it a day of a tenant, of an administrator and of Keystone, by the stock client; a quarter of an hour.
openstack-day: deps
	@tools/openstack-cloud.sh day

## The plugin that adds our own commands to the openstack client, with Debian's and with the newest; three minutes.
python-client: deps
	@tools/python-client.sh

## Clients' own functional tests, on the fake driver; SUITE=sdk (novaclient, osc, gophercloud, libcloud): of one, SERVICES="identity network": a part of it.
clients: deps
	@tools/clients.sh $(SUITE) $(SERVICES)

## OpenStack's dashboard, Debian's, walked through on the fake driver; five minutes.
horizon: deps
	@tools/horizon.sh

## Our own, in a browser: a thousand servers, real guests, pictures for docs/dashboard; three minutes.
dashboard: deps
	@tools/dashboard.sh

## OpenStack's own tests of the compute and volume APIs, Debian's tempest and the newest, on the fake driver; a quarter of an hour.
tempest: deps
	@tools/tempest.sh

## The same, Debian's tempest of the compute API, on processes apart over two real libvirt hosts, whose guests boot; half an hour on two processors.
tempest-libvirt: deps
	@tools/tempest.sh libvirt

## Scenarios of Debian's tempest, which log by SSH into guests on OVN: servers, volumes, snapshots, shelving.
tempest-scenario: deps
	@tools/tempest.sh scenario

## The same of the compute API, and the scenarios, in a whole OpenStack (Debian's Keystone, Glance, Neutron) with this in Nova's place; two hours.
tempest-openstack: deps
	@tools/tempest.sh beside
	@tools/tempest.sh beside-scenario

## Terraform's OpenStack provider: a module through its life, then the provider's own tests; a quarter of an hour.
terraform: deps
	@tools/terraform.sh

## Playbooks of Ansible's OpenStack collection and of our own module, each twice: the second time nothing may change; three minutes.
ansible: deps
	@tools/ansible.sh

## The Terraform provider of our own resource, built, and its tests by terraform or OpenTofu; three minutes, the first time ten.
terraform-provider: deps
	@tools/terraform-provider.sh

## The tests that kill, all of it: every point on MariaDB, and users beside each other under sixty kills; about half an hour.
crash: deps
	@tools/test.sh crash

## Processes apart are killed, halted, cut off and misled under a load, one every EVERY=10 s for FOR=3600 s; then every promise is checked. SEED=, AGENTS=3, USERS=; DRIVER=libvirt: on real hosts and guests.
chaos: deps
	@tools/chaos.sh $(if $(FOR),--for "$(FOR)") $(if $(SEED),--seed "$(SEED)") $(if $(EVERY),--every "$(EVERY)") $(if $(AGENTS),--agents "$(AGENTS)") $(if $(USERS),--users "$(USERS)") $(if $(filter libvirt,$(DRIVER)),--driver libvirt)

## Processes of an older version (FROM=, a revision) become this one, one after another, under a load that must not notice; five minutes.
upgrade: deps
	@tools/upgrade.sh "$(FROM)"

## Servers between two real hosts, by the whole product and whatever ends on the way, and COUNT live migrations in a row (10).
moves: deps
	@XLOUD_MOVES=$(if $(COUNT),$(COUNT),10) tools/test.sh moves

## Networks by a real OVN: tenants, groups, DHCP, routers and floating addresses, between namespaces and real guests.
ovn: deps
	@tools/test.sh ovn

## Volumes of a real Cinder, on a real Ceph and by iSCSI, in real guests.
cinder: deps
	@tools/test.sh cinder

## Servers of a real Nova are taken over while they run, and handed back; ten minutes.
move-in: deps
	@tools/test.sh move-in

## Virtual machines as Kubernetes resources, by a real API server, which the first run builds, and a guest on libvirt.
kubernetes: deps
	@tools/test.sh kubernetes

## A whole cloud in one process from one seed, again and again: SEEDS=10000 of them, FROM=1 on; SEED=1234 tells one in full.
sim: deps
	@tools/sim.sh $(if $(SEED),--seed "$(SEED)",$(if $(SEEDS),--seeds "$(SEEDS)") $(if $(FOR),--seconds "$(FOR)") $(if $(FROM),--from "$(FROM)") $(if $(JOBS),--jobs "$(JOBS)"))

lint: deps
	@npm run --silent lint
	@node tools/tidy.ts

format: deps
	@biome format --write

bench: deps
	@tools/bench.sh

## The story on a real guest, from nothing to `virsh` showing nothing left.
demo: deps
	@tools/demo.sh

## Hypervisor packages, and a libvirtd that answers.
host:
	@tools/host.sh

## A small bootable image to try things with: var/guest/guest.qcow2.
guest:
	@tools/packages.sh ensure guest
	@tools/guest/build.sh "$(DATA)/guest"

## A real Debian with cloud-init, to try things with: var/guest/debian.qcow2; as root, five minutes.
debian-guest:
	@tools/packages.sh ensure debian-guest
	@tools/guest/debian.sh "$(DATA)/guest"

build: deps
	@npm run --silent build

## What is installed: Debian packages and a tarball in dist/packages; VERSION=1.2.3: called so, else as the commit is; a minute and a half.
packages: deps
	@tools/packages.sh ensure packages
	@node tools/package/main.ts $(if $(VERSION),--version "$(VERSION)")

## docs/installing.md, command by command, on clean machines with a systemd each, and an upgrade from FROM= (a revision) and back; as root, seven minutes.
install-test: deps
	@tools/install-test.sh $(FROM)

## An image of the tarball that `make packages` left, by podman, buildah or docker.
image:
	@tools/image.sh

## The documents as a site with search, in dist/site: to be opened as it is, or put on any web server.
site: deps
	@node --disable-warning=ExperimentalWarning tools/site/main.ts

## The documents that are derived: the API's description, the table of microversions, the sample files.
docs: deps
	@node src/main/documents.ts

deps: node_modules/.installed

# Not `npm ci`: it insists on the packages of every platform, which not every mirror of the registry carries.
# Of the scripts that packages bring only Node's own is run. npm would also compile better-sqlite3, whose binary is in its package:
# that takes a compiler and Node's headers, which a fresh machine has not.
node_modules/.installed: package.json package-lock.json
	@echo "installing npm packages"
	@npm install --no-save --no-audit --no-fund --loglevel=error --ignore-scripts
	@npm rebuild --loglevel=error node >/dev/null
	@touch $@

clean:
	rm -rf node_modules dist var .cache
