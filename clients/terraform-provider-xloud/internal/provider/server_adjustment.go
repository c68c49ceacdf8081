package provider

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/utils/v2/terraform/auth"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/resourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/xloud-compute/terraform-provider-xloud/internal/adjustment"
)

// patience is how long a change may take where `timeouts` says nothing: a guest that gives back memory may take its time.
const patience = 10 * time.Minute

const (
	keep    = "keep"
	minimum = "minimum"
)

type serverAdjustment struct {
	config *auth.Config
}

// The framework finds what a resource can do by its methods.
var (
	_ resource.ResourceWithConfigure        = &serverAdjustment{}
	_ resource.ResourceWithConfigValidators = &serverAdjustment{}
	_ resource.ResourceWithModifyPlan       = &serverAdjustment{}
	_ resource.ResourceWithImportState      = &serverAdjustment{}
)

func newServerAdjustment() resource.Resource {
	return &serverAdjustment{}
}

func (r *serverAdjustment) Metadata(_ context.Context, request resource.MetadataRequest, response *resource.MetadataResponse) {
	response.TypeName = request.ProviderTypeName + "_server_adjustment"
}

func (r *serverAdjustment) Schema(ctx context.Context, _ resource.SchemaRequest, response *resource.SchemaResponse) {
	bound := func(words string) schema.Int64Attribute {
		return schema.Int64Attribute{Computed: true, MarkdownDescription: words}
	}
	size := func(words string) schema.Int64Attribute {
		return schema.Int64Attribute{
			Optional:            true,
			Computed:            true,
			MarkdownDescription: words,
			Validators:          []validator.Int64{int64validator.AtLeast(1)},
			PlanModifiers:       []planmodifier.Int64{int64planmodifier.UseStateForUnknown()},
		}
	}
	response.Schema = schema.Schema{
		MarkdownDescription: "How large a server is, between its flavor's minimum and maximum; it is changed while the server runs. " +
			"One server has one of these at most: the size is a property of the server.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "The server's id.",
				PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
			"server_id": schema.StringAttribute{
				Required:            true,
				MarkdownDescription: "The server.",
				Validators:          []validator.String{stringvalidator.LengthAtLeast(1)},
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"vcpus":     size("vCPUs that it shall have. Left out: what it has."),
			"memory_mb": size("Memory that it shall have, in MiB. Left out: what it has."),
			"persist": schema.BoolAttribute{
				Optional:            true,
				Computed:            true,
				Default:             booldefault.StaticBool(true),
				MarkdownDescription: "`false`: until the next power cycle, after which a plan finds the difference. Default: `true`.",
			},
			"may_migrate": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Whether it may go to another host, as it runs, where its own has no room. Left out: as the operator says.",
			},
			"on_destroy": schema.StringAttribute{
				Optional: true,
				Computed: true,
				Default:  stringdefault.StaticString(keep),
				MarkdownDescription: "What becomes of the size with this resource: `keep` (default) leaves it, " +
					"`minimum` gives back all above the flavor's minimum.",
				Validators: []validator.String{stringvalidator.OneOf(keep, minimum)},
			},
			"status": schema.StringAttribute{
				Computed:            true,
				MarkdownDescription: "`idle`, or `pending_reboot`: the server is off, and has the size from its next start on.",
			},
			"minimum_vcpus":     bound("The fewest vCPUs that the server may have."),
			"maximum_vcpus":     bound("The most vCPUs that the server may have."),
			"minimum_memory_mb": bound("The least memory that the server may have, in MiB."),
			"maximum_memory_mb": bound("The most memory that the server may have, in MiB."),
			"timeouts":          timeouts.Attributes(ctx, timeouts.Opts{Create: true, Update: true, Delete: true}),
		},
	}
}

func (r *serverAdjustment) ConfigValidators(context.Context) []resource.ConfigValidator {
	sizes := resourcevalidator.AtLeastOneOf(path.MatchRoot("vcpus"), path.MatchRoot("memory_mb"))
	return []resource.ConfigValidator{sizes}
}

func (r *serverAdjustment) Configure(_ context.Context, request resource.ConfigureRequest, response *resource.ConfigureResponse) {
	// until the provider is configured, as where a configuration is only checked, there is none
	if request.ProviderData == nil {
		return
	}
	config, isOurs := request.ProviderData.(*auth.Config)
	if !isOurs {
		response.Diagnostics.AddError("The provider is broken", fmt.Sprintf("Its data are %T.", request.ProviderData))
		return
	}
	r.config = config
}

func (r *serverAdjustment) compute(ctx context.Context, problems *diag.Diagnostics) *gophercloud.ServiceClient {
	client, err := r.config.ComputeV2Client(ctx, "")
	if err != nil {
		problems.AddError("The compute service cannot be reached", err.Error())
		return nil
	}
	return client
}

func isGone(err error) bool {
	return gophercloud.ResponseCodeIs(err, http.StatusNotFound)
}

// ModifyPlan asks the service, so that a size that it would refuse is told before anything is changed. Of a server that
// is still to be made nothing can be asked.
func (r *serverAdjustment) ModifyPlan(ctx context.Context, request resource.ModifyPlanRequest, response *resource.ModifyPlanResponse) {
	if r.config == nil || request.Plan.Raw.IsNull() || request.Plan.Raw.Equal(request.State.Raw) {
		return
	}
	var planned model
	response.Diagnostics.Append(request.Plan.Get(ctx, &planned)...)
	if response.Diagnostics.HasError() || planned.ServerID.IsUnknown() {
		return
	}
	client := r.compute(ctx, &response.Diagnostics)
	if client == nil {
		return
	}
	found, err := adjustment.PlanOf(ctx, client, planned.ServerID.ValueString(), planned.request())
	switch {
	case isGone(err):
		// it may go and be made anew by the same apply
	case err != nil:
		response.Diagnostics.AddError("The size cannot be planned", err.Error())
	case found.Result == "refused":
		response.Diagnostics.AddError("The server cannot have this size", strings.Join(found.Refusals(), "\n"))
	case found.Result == "next_boot":
		response.Diagnostics.AddWarning("The server has this size from its next start on", strings.Join(found.AgainstLive(), "\n"))
	}
}

// reach asks for the size and waits for it. Whatever the server then has is in the state; what it has not is an error.
func (r *serverAdjustment) reach(ctx context.Context, wanted model, limit time.Duration, problems *diag.Diagnostics) *model {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := r.compute(ctx, problems)
	if client == nil {
		return nil
	}
	serverID := wanted.ServerID.ValueString()
	if _, err := adjustment.Ask(ctx, client, serverID, wanted.request()); err != nil {
		problems.AddError("The server's size was not changed", err.Error())
		return nil
	}
	reached, err := adjustment.Wait(ctx, client, serverID)
	if err != nil {
		problems.AddError("What became of the server's size is not known", err.Error())
		return nil
	}
	if failure := reached.Failure(); failure != "" {
		problems.AddError("The server has not the size that was asked for", failure)
	}
	seen := wanted.seen(reached)
	return &seen
}

// apply makes the server what the plan says, and the state what the server then is.
func (r *serverAdjustment) apply(
	ctx context.Context, plan tfsdk.Plan, limit func(timeouts.Value) (time.Duration, diag.Diagnostics), state *tfsdk.State, problems *diag.Diagnostics,
) {
	var wanted model
	problems.Append(plan.Get(ctx, &wanted)...)
	patient, more := limit(wanted.Timeouts)
	problems.Append(more...)
	if problems.HasError() {
		return
	}
	if reached := r.reach(ctx, wanted, patient, problems); reached != nil {
		problems.Append(state.Set(ctx, reached)...)
	}
}

func (r *serverAdjustment) Create(ctx context.Context, request resource.CreateRequest, response *resource.CreateResponse) {
	limit := func(given timeouts.Value) (time.Duration, diag.Diagnostics) { return given.Create(ctx, patience) }
	r.apply(ctx, request.Plan, limit, &response.State, &response.Diagnostics)
}

func (r *serverAdjustment) Update(ctx context.Context, request resource.UpdateRequest, response *resource.UpdateResponse) {
	limit := func(given timeouts.Value) (time.Duration, diag.Diagnostics) { return given.Update(ctx, patience) }
	r.apply(ctx, request.Plan, limit, &response.State, &response.Diagnostics)
}

func (r *serverAdjustment) Read(ctx context.Context, request resource.ReadRequest, response *resource.ReadResponse) {
	var known model
	response.Diagnostics.Append(request.State.Get(ctx, &known)...)
	if response.Diagnostics.HasError() {
		return
	}
	client := r.compute(ctx, &response.Diagnostics)
	if client == nil {
		return
	}
	found, err := adjustment.Get(ctx, client, known.ServerID.ValueString())
	if isGone(err) {
		response.State.RemoveResource(ctx)
		return
	}
	if err != nil {
		response.Diagnostics.AddError("The server's size cannot be read", err.Error())
		return
	}
	response.Diagnostics.Append(response.State.Set(ctx, known.seen(found))...)
}

func (r *serverAdjustment) Delete(ctx context.Context, request resource.DeleteRequest, response *resource.DeleteResponse) {
	var known model
	response.Diagnostics.Append(request.State.Get(ctx, &known)...)
	limit, more := known.Timeouts.Delete(ctx, patience)
	response.Diagnostics.Append(more...)
	if response.Diagnostics.HasError() || known.OnDestroy.ValueString() != minimum {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	client := r.compute(ctx, &response.Diagnostics)
	if client == nil {
		return
	}
	serverID := known.ServerID.ValueString()
	found, err := adjustment.Get(ctx, client, serverID)
	if err == nil {
		_, err = adjustment.Ask(ctx, client, serverID, toMinimum(found))
	}
	if err == nil {
		found, err = adjustment.Wait(ctx, client, serverID)
	}
	switch {
	case isGone(err):
	case err != nil:
		response.Diagnostics.AddError("The server's size was not given back", err.Error())
	case found.Failure() != "":
		response.Diagnostics.AddError("The server's size was not given back", found.Failure())
	}
}

func (r *serverAdjustment) ImportState(ctx context.Context, request resource.ImportStateRequest, response *resource.ImportStateResponse) {
	for name, value := range map[string]any{"id": request.ID, "server_id": request.ID, "persist": true, "on_destroy": keep} {
		response.Diagnostics.Append(response.State.SetAttribute(ctx, path.Root(name), value)...)
	}
}
