# All that the provider knows of compute, in one small project: `make terraform` applies, changes and destroys it.

terraform {
  required_providers {
    openstack = {
      source = "terraform-provider-openstack/openstack"
    }
  }
}

provider "openstack" {
  cloud = "xloud"
}

variable "size" {
  description = "Which of the two flavors the server has."
  type        = string
  default     = "small"
}

variable "labels" {
  description = "Metadata of the server."
  type        = map(string)
  default     = { role = "db", old = "yes" }
}

variable "tags" {
  type    = set(string)
  default = ["blue"]
}

variable "power_state" {
  type    = string
  default = "active"
}

variable "zone_hosts" {
  description = "Hosts of the aggregate."
  type        = set(string)
  default     = []
}

data "openstack_identity_auth_scope_v3" "me" {
  name = "me"
}

data "openstack_images_image_v2" "tiny" {
  name = "tiny"
}

data "openstack_networking_network_v2" "private" {
  name = "private"
}

resource "openstack_compute_flavor_v2" "sizes" {
  for_each    = { small = 1, big = 2 }
  name        = "tf-${each.key}"
  vcpus       = each.value
  ram         = 512 * each.value
  disk        = 1
  is_public   = each.key == "small"
  description = "a ${each.key} one"
  extra_specs = {
    "hw:cpu_policy" = "shared"
  }
}

resource "openstack_compute_flavor_access_v2" "big" {
  flavor_id = openstack_compute_flavor_v2.sizes["big"].id
  tenant_id = data.openstack_identity_auth_scope_v3.me.project_id
}

resource "openstack_compute_keypair_v2" "key" {
  name = "tf-key"
}

resource "openstack_compute_servergroup_v2" "apart" {
  name     = "tf-apart"
  policies = ["anti-affinity"]
  rules {
    max_server_per_host = 3
  }
}

resource "openstack_compute_aggregate_v2" "racks" {
  name     = "tf-racks"
  zone     = "east"
  hosts    = var.zone_hosts
  metadata = { cpu = "fast" }
}

resource "openstack_compute_quotaset_v2" "quota" {
  project_id = data.openstack_identity_auth_scope_v3.me.project_id
  cores      = 30
  instances  = 12
  key_pairs  = 20
}

resource "openstack_compute_instance_v2" "server" {
  name            = "tf-server"
  image_id        = data.openstack_images_image_v2.tiny.id
  flavor_id       = openstack_compute_flavor_v2.sizes[var.size].id
  key_pair        = openstack_compute_keypair_v2.key.name
  security_groups = ["default"]
  metadata        = var.labels
  tags            = var.tags
  power_state     = var.power_state
  user_data       = "#!/bin/sh\necho hi\n"
  config_drive    = true

  network {
    name = data.openstack_networking_network_v2.private.name
  }

  scheduler_hints {
    group = openstack_compute_servergroup_v2.apart.id
  }
}

resource "openstack_networking_port_v2" "second" {
  name       = "tf-second"
  network_id = data.openstack_networking_network_v2.private.id
}

resource "openstack_compute_interface_attach_v2" "second" {
  instance_id = openstack_compute_instance_v2.server.id
  port_id     = openstack_networking_port_v2.second.id
}

data "openstack_compute_availability_zones_v2" "zones" {}

data "openstack_compute_flavor_v2" "small" {
  name       = openstack_compute_flavor_v2.sizes["small"].name
  depends_on = [openstack_compute_flavor_v2.sizes]
}

data "openstack_compute_keypair_v2" "key" {
  name = openstack_compute_keypair_v2.key.name
}

data "openstack_compute_servergroup_v2" "apart" {
  name = openstack_compute_servergroup_v2.apart.name
}

data "openstack_compute_aggregate_v2" "racks" {
  name       = openstack_compute_aggregate_v2.racks.name
}

data "openstack_compute_hypervisor_v2" "host" {
  hostname = var.hypervisor
}

variable "hypervisor" {
  type = string
}

data "openstack_compute_limits_v2" "limits" {
  project_id = openstack_compute_quotaset_v2.quota.project_id
}

data "openstack_compute_quotaset_v2" "quota" {
  project_id = openstack_compute_quotaset_v2.quota.project_id
}

data "openstack_compute_instance_v2" "server" {
  id = openstack_compute_instance_v2.server.id
}

output "seen" {
  value = {
    zones       = data.openstack_compute_availability_zones_v2.zones.names
    flavor      = data.openstack_compute_flavor_v2.small.vcpus
    fingerprint = data.openstack_compute_keypair_v2.key.fingerprint != ""
    policy      = data.openstack_compute_servergroup_v2.apart.policies
    aggregate   = data.openstack_compute_aggregate_v2.racks.metadata
    hypervisor  = data.openstack_compute_hypervisor_v2.host.type
    instances   = data.openstack_compute_limits_v2.limits.max_total_instances
    cores       = data.openstack_compute_quotaset_v2.quota.cores
    server      = data.openstack_compute_instance_v2.server.power_state
    addresses   = length(openstack_compute_instance_v2.server.network)
  }
}
