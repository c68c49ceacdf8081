package provider

import (
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/xloud-compute/terraform-provider-xloud/internal/adjustment"
)

func found(status string, current, target, block int64) adjustment.Adjustment {
	return adjustment.Adjustment{
		ServerID: "a-server",
		Status:   status,
		VCPUs:    adjustment.Sizes{Current: 1, Target: 3, Minimum: 1, Maximum: 4},
		MemoryMB: adjustment.Memory{
			Sizes:   adjustment.Sizes{Current: current, Target: target, Minimum: 256, Maximum: 1024},
			BlockMB: block,
		},
	}
}

func TestWhatIsSeenOfASize(t *testing.T) {
	for _, one := range []struct {
		name          string
		asked         types.Int64
		status        string
		current       int64
		target        int64
		block         int64
		vcpus, memory int64
	}{
		{"as asked for", types.Int64Value(512), adjustment.Idle, 512, 512, 1, 1, 512},
		{"changed past Terraform", types.Int64Value(512), adjustment.Idle, 300, 300, 1, 1, 300},
		{"the next whole block", types.Int64Value(513), adjustment.Idle, 514, 514, 2, 1, 513},
		{"a block too much", types.Int64Value(512), adjustment.Idle, 514, 514, 2, 1, 514},
		{"less by a part of a block", types.Int64Value(514), adjustment.Idle, 513, 513, 2, 1, 513},
		{"under way", types.Int64Value(512), adjustment.Adjusting, 300, 512, 1, 3, 512},
		{"stored for the next start", types.Int64Value(512), adjustment.PendingReboot, 300, 512, 1, 3, 512},
		{"reached in part", types.Int64Value(512), adjustment.Partial, 400, 512, 1, 1, 400},
		{"left to the service", types.Int64Null(), adjustment.Idle, 300, 300, 1, 1, 300},
		{"not known yet", types.Int64Unknown(), adjustment.Idle, 300, 300, 1, 1, 300},
	} {
		t.Run(one.name, func(t *testing.T) {
			seen := model{MemoryMB: one.asked}.seen(found(one.status, one.current, one.target, one.block))
			if seen.VCPUs.ValueInt64() != one.vcpus || seen.MemoryMB.ValueInt64() != one.memory {
				t.Errorf("seen %d vCPUs and %d MiB, not %d and %d",
					seen.VCPUs.ValueInt64(), seen.MemoryMB.ValueInt64(), one.vcpus, one.memory)
			}
		})
	}
}

func TestWhatIsLeftOutIsNotAskedFor(t *testing.T) {
	asked := model{VCPUs: types.Int64Value(2), MemoryMB: types.Int64Unknown(), Persist: types.BoolValue(true)}.request()
	if *asked.VCPUs != 2 || asked.MemoryMB != nil || asked.MayMigrate != nil || !*asked.Persist {
		t.Errorf("asked for %+v", asked)
	}
}

func TestTheConfigurationComesBeforeTheEnvironment(t *testing.T) {
	t.Setenv("OS_TENANT_NAME", "")
	t.Setenv("OS_PROJECT_NAME", "from-the-environment")
	if got := configOf(settings{}).TenantName; got != "from-the-environment" {
		t.Errorf("without a setting: %q", got)
	}
	if got := configOf(settings{TenantName: types.StringValue("given")}).TenantName; got != "given" {
		t.Errorf("with a setting: %q", got)
	}
}

func TestAReasonAgainstSeveralWaysIsToldOnce(t *testing.T) {
	way := func(messages ...string) adjustment.Way {
		var closed adjustment.Way
		for _, message := range messages {
			closed.Reasons = append(closed.Reasons, adjustment.Reason{Message: message})
		}
		return closed
	}
	plan := adjustment.Plan{Ways: map[string]adjustment.Way{
		"live": way("too large"), "live_after_migration": way("too large", "no host"), "next_boot": way("too large"),
	}}
	if got := plan.Refusals(); !slices.Equal(got, []string{"too large", "no host"}) {
		t.Errorf("told: %q", got)
	}
}
