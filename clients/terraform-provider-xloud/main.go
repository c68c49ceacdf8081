// Command terraform-provider-xloud is the Terraform provider of xloud-compute's own resource. It stands beside the OpenStack provider,
// which does all else.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"github.com/xloud-compute/terraform-provider-xloud/internal/provider"
)

// version is set by the build: -ldflags "-X main.version=1.2.3".
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "run so that a debugger can attach")
	flag.Parse()
	options := providerserver.ServeOpts{Address: "registry.terraform.io/xloud-compute/xloud", Debug: *debug}
	if err := providerserver.Serve(context.Background(), provider.New(version), options); err != nil {
		log.Fatal(err)
	}
}
