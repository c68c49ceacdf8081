package provider

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack/compute/v2/servers"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/xloud-compute/terraform-provider-xloud/internal/adjustment"
)

// The acceptance tests want a cloud (OS_…, or OS_CLOUD) that has a flavor of 1 to 4 vCPUs and 256 to 1,024 MiB, and an image:
// XLOUD_FLAVOR and XLOUD_IMAGE, by id. `make terraform-provider` brings one up.
var factories = map[string]func() (tfprotov6.ProviderServer, error){
	"xloud": providerserver.NewProtocol6WithError(New("test")()),
}

const name = "xloud_server_adjustment.size"

func computeOf(t *testing.T) *gophercloud.ServiceClient {
	t.Helper()
	if os.Getenv("TF_ACC") == "" {
		t.Skip("TF_ACC is not set: this test wants a cloud")
	}
	config := configOf(settings{})
	if err := config.LoadAndValidate(t.Context()); err != nil {
		t.Fatal(err)
	}
	client, err := config.ComputeV2Client(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func until(t *testing.T, client *gophercloud.ServiceClient, id, status string) {
	t.Helper()
	for range 240 {
		server, err := servers.Get(t.Context(), client, id).Extract()
		if err != nil {
			t.Fatal(err)
		}
		if server.Status == status {
			return
		}
		if server.Status == "ERROR" {
			t.Fatalf("the server is in error: %+v", server.Fault)
		}
		time.Sleep(250 * time.Millisecond)
	}
	t.Fatalf("the server is not %s", status)
}

// startServer makes one that is deleted with the test.
func startServer(t *testing.T, client *gophercloud.ServiceClient) string {
	t.Helper()
	options := servers.CreateOpts{
		Name: "adjusted", FlavorRef: os.Getenv("XLOUD_FLAVOR"), ImageRef: os.Getenv("XLOUD_IMAGE"), Networks: "none",
	}
	at := *client
	at.Microversion = "2.37"
	server, err := servers.Create(t.Context(), &at, options, nil).Extract()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { servers.Delete(context.Background(), client, server.ID) })
	until(t, client, server.ID, "ACTIVE")
	return server.ID
}

func configuration(serverID, more string) string {
	return fmt.Sprintf("resource \"xloud_server_adjustment\" \"size\" {\n  server_id = %q\n%s\n}\n", serverID, more)
}

// has looks past Terraform at what the server has.
func has(t *testing.T, client *gophercloud.ServiceClient, serverID string, vcpus, memoryMB int64) func() {
	return func() {
		t.Helper()
		found, err := adjustment.Wait(context.Background(), client, serverID)
		if err != nil {
			t.Fatal(err)
		}
		if found.VCPUs.Current != vcpus || found.MemoryMB.Current != memoryMB {
			t.Fatalf("it has %d vCPUs and %d MiB, not %d and %d", found.VCPUs.Current, found.MemoryMB.Current, vcpus, memoryMB)
		}
	}
}

func ask(t *testing.T, client *gophercloud.ServiceClient, serverID string, vcpus int64) func() {
	return func() {
		t.Helper()
		if _, err := adjustment.Ask(context.Background(), client, serverID, adjustment.Request{VCPUs: &vcpus}); err != nil {
			t.Fatal(err)
		}
		if _, err := adjustment.Wait(context.Background(), client, serverID); err != nil {
			t.Fatal(err)
		}
	}
}

func updates() resource.ConfigPlanChecks {
	change := plancheck.ExpectResourceAction(name, plancheck.ResourceActionUpdate)
	return resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{change}}
}

func TestAccServerAdjustment_life(t *testing.T) {
	client := computeOf(t)
	id := startServer(t, client)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{
			{
				Config: configuration(id, "vcpus = 2\nmemory_mb = 512"),
				Check: resource.ComposeAggregateTestCheckFunc(
					resource.TestCheckResourceAttr(name, "id", id),
					resource.TestCheckResourceAttr(name, "status", "idle"),
					resource.TestCheckResourceAttr(name, "minimum_vcpus", "1"),
					resource.TestCheckResourceAttr(name, "maximum_vcpus", "4"),
					resource.TestCheckResourceAttr(name, "minimum_memory_mb", "256"),
					resource.TestCheckResourceAttr(name, "maximum_memory_mb", "1024"),
				),
			},
			{ // what is left out stays
				PreConfig:        has(t, client, id, 2, 512),
				Config:           configuration(id, "vcpus = 3"),
				ConfigPlanChecks: updates(),
				Check:            resource.TestCheckResourceAttr(name, "memory_mb", "512"),
			},
			{ // somebody else changes the size: it is found, and put right
				PreConfig:        ask(t, client, id, 1),
				Config:           configuration(id, "vcpus = 3"),
				ConfigPlanChecks: updates(),
			},
			{
				PreConfig:         has(t, client, id, 3, 512),
				ResourceName:      name,
				ImportState:       true,
				ImportStateId:     id,
				ImportStateVerify: true,
			},
			{
				Config:      configuration(id, "vcpus = 5"),
				ExpectError: regexp.MustCompile(`(?s)The server cannot have this size.*4`),
			},
			{ // it is gone from the configuration, and keeps its size
				Config: "# nothing",
			},
			{
				PreConfig: has(t, client, id, 3, 512),
				Config:    configuration(id, "memory_mb = 768\non_destroy = \"minimum\""),
			},
			{
				PreConfig: has(t, client, id, 3, 768),
				Config:    "# nothing",
			},
			{ // it is given back
				PreConfig: has(t, client, id, 1, 256),
				Config:    "# nothing",
			},
		},
	})
}

func TestAccServerAdjustment_off(t *testing.T) {
	client := computeOf(t)
	id := startServer(t, client)
	if err := servers.Stop(t.Context(), client, id).ExtractErr(); err != nil {
		t.Fatal(err)
	}
	until(t, client, id, "SHUTOFF")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{
			{ // no difference is found while it waits for its start
				Config: configuration(id, "vcpus = 2"),
				Check:  resource.TestCheckResourceAttr(name, "status", "pending_reboot"),
			},
			{
				PreConfig: func() {
					if err := servers.Start(context.Background(), client, id).ExtractErr(); err != nil {
						t.Fatal(err)
					}
					until(t, client, id, "ACTIVE")
					has(t, client, id, 2, 256)()
				},
				RefreshState: true,
				Check:        resource.TestCheckResourceAttr(name, "status", "idle"),
			},
		},
	})
}

func TestAccServerAdjustment_gone(t *testing.T) {
	client := computeOf(t)
	id := startServer(t, client)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: factories,
		Steps: []resource.TestStep{
			{Config: configuration(id, "vcpus = 2\non_destroy = \"minimum\"")},
			{ // with the server its size is gone: the plan is to ask for it again, which finds no server
				PreConfig: func() {
					if err := servers.Delete(context.Background(), client, id).ExtractErr(); err != nil {
						t.Fatal(err)
					}
					for range 240 {
						if _, err := adjustment.Get(context.Background(), client, id); isGone(err) {
							return
						}
						time.Sleep(250 * time.Millisecond)
					}
					t.Fatal("the server is still there")
				},
				RefreshState:       true,
				ExpectNonEmptyPlan: true,
			},
			{Config: configuration(id, "vcpus = 2"), ExpectError: regexp.MustCompile(`(?s)size was not changed.*could not be found`)},
		},
	})
}

func TestAccServerAdjustment_refusedBeforeAnythingIsAsked(t *testing.T) {
	computeOf(t)
	for words, message := range map[string]string{
		"":                                      "At least one of these attributes",
		"vcpus = 0":                             "must be at least 1",
		"vcpus = 1\non_destroy = \"something\"": "value must be one of",
	} {
		resource.Test(t, resource.TestCase{
			ProtoV6ProviderFactories: factories,
			Steps:                    []resource.TestStep{{Config: configuration("any", words), ExpectError: regexp.MustCompile(message)}},
		})
	}
}
