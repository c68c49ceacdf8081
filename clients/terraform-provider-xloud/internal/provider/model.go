package provider

import (
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/xloud-compute/terraform-provider-xloud/internal/adjustment"
)

// model is the resource as Terraform has it.
type model struct {
	ID              types.String   `tfsdk:"id"`
	ServerID        types.String   `tfsdk:"server_id"`
	VCPUs           types.Int64    `tfsdk:"vcpus"`
	MemoryMB        types.Int64    `tfsdk:"memory_mb"`
	Persist         types.Bool     `tfsdk:"persist"`
	MayMigrate      types.Bool     `tfsdk:"may_migrate"`
	OnDestroy       types.String   `tfsdk:"on_destroy"`
	Status          types.String   `tfsdk:"status"`
	MinimumVCPUs    types.Int64    `tfsdk:"minimum_vcpus"`
	MaximumVCPUs    types.Int64    `tfsdk:"maximum_vcpus"`
	MinimumMemoryMB types.Int64    `tfsdk:"minimum_memory_mb"`
	MaximumMemoryMB types.Int64    `tfsdk:"maximum_memory_mb"`
	Timeouts        timeouts.Value `tfsdk:"timeouts"`
}

// number is nil where the configuration leaves it to the service.
func number(value types.Int64) *int64 {
	if value.IsNull() || value.IsUnknown() {
		return nil
	}
	return value.ValueInt64Pointer()
}

func (m model) request() adjustment.Request {
	return adjustment.Request{
		VCPUs:      number(m.VCPUs),
		MemoryMB:   number(m.MemoryMB),
		Persist:    m.Persist.ValueBoolPointer(),
		MayMigrate: m.MayMigrate.ValueBoolPointer(),
	}
}

// shown is what a server has of one thing, or will have: what is under way, or stored for its next start, is no difference to what was
// asked for.
func shown(status string, sizes adjustment.Sizes) int64 {
	if status == adjustment.Adjusting || status == adjustment.PendingReboot {
		return sizes.Target
	}
	return sizes.Current
}

// seen is the resource as the service tells it. Memory comes in blocks: a server that has the next whole one has what was asked for.
func (m model) seen(found adjustment.Adjustment) model {
	m.ID = types.StringValue(found.ServerID)
	m.ServerID = types.StringValue(found.ServerID)
	m.Status = types.StringValue(found.Status)
	m.VCPUs = types.Int64Value(shown(found.Status, found.VCPUs))
	memory := shown(found.Status, found.MemoryMB.Sizes)
	if asked := number(m.MemoryMB); asked == nil || memory < *asked || memory-*asked >= found.MemoryMB.BlockMB {
		m.MemoryMB = types.Int64Value(memory)
	}
	m.MinimumVCPUs = types.Int64Value(found.VCPUs.Minimum)
	m.MaximumVCPUs = types.Int64Value(found.VCPUs.Maximum)
	m.MinimumMemoryMB = types.Int64Value(found.MemoryMB.Minimum)
	m.MaximumMemoryMB = types.Int64Value(found.MemoryMB.Maximum)
	return m
}

func toMinimum(found adjustment.Adjustment) adjustment.Request {
	return adjustment.Request{VCPUs: &found.VCPUs.Minimum, MemoryMB: &found.MemoryMB.Minimum}
}
