// Package provider is the Terraform provider: how it logs in, and its one resource.
package provider

import (
	"context"
	"os"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/utils/v2/terraform/auth"
	"github.com/gophercloud/utils/v2/terraform/mutexkv"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type xloudProvider struct {
	version string
}

// New makes the provider. version is what it says of itself to the service, in its User-Agent.
func New(version string) func() provider.Provider {
	return func() provider.Provider { return &xloudProvider{version} }
}

// settings are those of the OpenStack provider, by its names, so that one block fits both.
type settings struct {
	Cloud                       types.String `tfsdk:"cloud"`
	AuthURL                     types.String `tfsdk:"auth_url"`
	Region                      types.String `tfsdk:"region"`
	EndpointType                types.String `tfsdk:"endpoint_type"`
	UserName                    types.String `tfsdk:"user_name"`
	UserID                      types.String `tfsdk:"user_id"`
	UserDomainName              types.String `tfsdk:"user_domain_name"`
	UserDomainID                types.String `tfsdk:"user_domain_id"`
	TenantName                  types.String `tfsdk:"tenant_name"`
	TenantID                    types.String `tfsdk:"tenant_id"`
	ProjectDomainName           types.String `tfsdk:"project_domain_name"`
	ProjectDomainID             types.String `tfsdk:"project_domain_id"`
	Password                    types.String `tfsdk:"password"`
	Token                       types.String `tfsdk:"token"`
	ApplicationCredentialID     types.String `tfsdk:"application_credential_id"`
	ApplicationCredentialName   types.String `tfsdk:"application_credential_name"`
	ApplicationCredentialSecret types.String `tfsdk:"application_credential_secret"`
	CACertFile                  types.String `tfsdk:"cacert_file"`
	Insecure                    types.Bool   `tfsdk:"insecure"`
	MaxRetries                  types.Int64  `tfsdk:"max_retries"`
}

// environment: where a setting is taken from that the configuration leaves out; the first that is set.
var environment = map[string][]string{
	"cloud":                         {"OS_CLOUD"},
	"auth_url":                      {"OS_AUTH_URL"},
	"region":                        {"OS_REGION_NAME"},
	"endpoint_type":                 {"OS_ENDPOINT_TYPE", "OS_INTERFACE"},
	"user_name":                     {"OS_USERNAME"},
	"user_id":                       {"OS_USER_ID"},
	"user_domain_name":              {"OS_USER_DOMAIN_NAME"},
	"user_domain_id":                {"OS_USER_DOMAIN_ID"},
	"tenant_name":                   {"OS_TENANT_NAME", "OS_PROJECT_NAME"},
	"tenant_id":                     {"OS_TENANT_ID", "OS_PROJECT_ID"},
	"project_domain_name":           {"OS_PROJECT_DOMAIN_NAME"},
	"project_domain_id":             {"OS_PROJECT_DOMAIN_ID"},
	"password":                      {"OS_PASSWORD"},
	"token":                         {"OS_TOKEN", "OS_AUTH_TOKEN"},
	"application_credential_id":     {"OS_APPLICATION_CREDENTIAL_ID"},
	"application_credential_name":   {"OS_APPLICATION_CREDENTIAL_NAME"},
	"application_credential_secret": {"OS_APPLICATION_CREDENTIAL_SECRET"},
	"cacert_file":                   {"OS_CACERT"},
}

var descriptions = map[string]string{
	"cloud":                         "The entry of clouds.yaml.",
	"auth_url":                      "Where the identity service is.",
	"region":                        "The region of the compute service.",
	"endpoint_type":                 "Which of the catalog's endpoints: public (default), internal or admin.",
	"user_name":                     "The user.",
	"user_id":                       "The user, by id.",
	"user_domain_name":              "The user's domain.",
	"user_domain_id":                "The user's domain, by id.",
	"tenant_name":                   "The project.",
	"tenant_id":                     "The project, by id.",
	"project_domain_name":           "The project's domain.",
	"project_domain_id":             "The project's domain, by id.",
	"password":                      "The user's password.",
	"token":                         "A token instead of a user and password.",
	"application_credential_id":     "An application credential instead of a user and password.",
	"application_credential_name":   "An application credential of the user, by name.",
	"application_credential_secret": "The application credential's secret.",
	"cacert_file":                   "The authorities that sign the services' certificates.",
}

var secrets = map[string]bool{"password": true, "token": true, "application_credential_secret": true}

func (p *xloudProvider) Metadata(_ context.Context, _ provider.MetadataRequest, response *provider.MetadataResponse) {
	response.TypeName = "xloud"
	response.Version = p.version
}

func (p *xloudProvider) Schema(_ context.Context, _ provider.SchemaRequest, response *provider.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"insecure":    schema.BoolAttribute{Optional: true, MarkdownDescription: "Take any certificate."},
		"max_retries": schema.Int64Attribute{Optional: true, MarkdownDescription: "How often a request is repeated that got no answer."},
	}
	for name, variables := range environment {
		attributes[name] = schema.StringAttribute{
			Optional:            true,
			Sensitive:           secrets[name],
			MarkdownDescription: descriptions[name] + " Default: `" + variables[0] + "`.",
		}
	}
	response.Schema = schema.Schema{
		MarkdownDescription: "Servers of xloud-compute that grow and shrink while they run. Settings are those of the OpenStack provider.",
		Attributes:          attributes,
	}
}

// setting is what the configuration says, else what the environment does.
func setting(name string, given types.String) string {
	if !given.IsNull() {
		return given.ValueString()
	}
	for _, variable := range environment[name] {
		if value := os.Getenv(variable); value != "" {
			return value
		}
	}
	return ""
}

func configOf(s settings) *auth.Config {
	config := &auth.Config{
		Cloud:                       setting("cloud", s.Cloud),
		IdentityEndpoint:            setting("auth_url", s.AuthURL),
		Region:                      setting("region", s.Region),
		EndpointType:                setting("endpoint_type", s.EndpointType),
		Username:                    setting("user_name", s.UserName),
		UserID:                      setting("user_id", s.UserID),
		UserDomainName:              setting("user_domain_name", s.UserDomainName),
		UserDomainID:                setting("user_domain_id", s.UserDomainID),
		TenantName:                  setting("tenant_name", s.TenantName),
		TenantID:                    setting("tenant_id", s.TenantID),
		ProjectDomainName:           setting("project_domain_name", s.ProjectDomainName),
		ProjectDomainID:             setting("project_domain_id", s.ProjectDomainID),
		Password:                    setting("password", s.Password),
		Token:                       setting("token", s.Token),
		ApplicationCredentialID:     setting("application_credential_id", s.ApplicationCredentialID),
		ApplicationCredentialName:   setting("application_credential_name", s.ApplicationCredentialName),
		ApplicationCredentialSecret: setting("application_credential_secret", s.ApplicationCredentialSecret),
		CACertFile:                  setting("cacert_file", s.CACertFile),
		MaxRetries:                  int(s.MaxRetries.ValueInt64()),
		// an apply may outlive a token
		AllowReauth: true,
		DelayedAuth: true,
		AuthOpts:    &gophercloud.AuthOptions{Scope: &gophercloud.AuthScope{}},
		MutexKV:     mutexkv.NewMutexKV(),
	}
	if !s.Insecure.IsNull() {
		config.Insecure = s.Insecure.ValueBoolPointer()
	}
	return config
}

func (p *xloudProvider) Configure(ctx context.Context, request provider.ConfigureRequest, response *provider.ConfigureResponse) {
	var given settings
	response.Diagnostics.Append(request.Config.Get(ctx, &given)...)
	if response.Diagnostics.HasError() {
		return
	}
	config := configOf(given)
	config.TerraformVersion = request.TerraformVersion
	config.SDKVersion = p.version
	if config.IdentityEndpoint == "" && config.Cloud == "" {
		response.Diagnostics.AddAttributeError(path.Root("auth_url"), "No cloud is named",
			"Set auth_url or cloud, here or by OS_AUTH_URL or OS_CLOUD.")
		return
	}
	if err := config.LoadAndValidate(ctx); err != nil {
		response.Diagnostics.AddError("The cloud's settings are not complete", err.Error())
		return
	}
	response.ResourceData = config
}

func (p *xloudProvider) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{newServerAdjustment}
}

func (p *xloudProvider) DataSources(context.Context) []func() datasource.DataSource {
	return nil
}
