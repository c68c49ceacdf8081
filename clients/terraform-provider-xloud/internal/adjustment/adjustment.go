// Package adjustment is the client of /os-xloud-adjust: how large a server is, may be and shall be.
package adjustment

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gophercloud/gophercloud/v2"
)

// What became of the last change of size.
const (
	Idle          = "idle"
	Adjusting     = "adjusting"
	Partial       = "partial"
	Failed        = "error"
	PendingReboot = "pending_reboot"
)

// Sizes are vCPUs, or MiB of memory.
type Sizes struct {
	Current int64 `json:"current"`
	Target  int64 `json:"target"`
	Minimum int64 `json:"minimum"`
	Maximum int64 `json:"maximum"`
}

// Memory comes in blocks; what lies between two becomes the larger one.
type Memory struct {
	Sizes
	BlockMB int64 `json:"block_mb"`
}

// Adjustment is a server's size.
type Adjustment struct {
	ServerID string  `json:"server_id"`
	Status   string  `json:"status"`
	VCPUs    Sizes   `json:"vcpus"`
	MemoryMB Memory  `json:"memory_mb"`
	Persist  bool    `json:"persist"`
	Message  *string `json:"message"`
}

// Request asks for a size. What is nil stays as it is, or as the operator says.
type Request struct {
	VCPUs      *int64 `json:"current_vcpus,omitempty"`
	MemoryMB   *int64 `json:"current_memory_mb,omitempty"`
	Persist    *bool  `json:"persist,omitempty"`
	MayMigrate *bool  `json:"may_migrate,omitempty"`
}

// Reason speaks against a way.
type Reason struct {
	Message string `json:"message"`
}

// Way is one of those to another size. It is open where nothing speaks against it.
type Way struct {
	Reasons []Reason `json:"reasons"`
}

// Plan says which ways there are to a size. Result is live, live_after_migration, next_boot or refused.
type Plan struct {
	Result string         `json:"result"`
	Ways   map[string]Way `json:"ways"`
}

// The client knows nothing of the calls that xloud-compute adds to its compute service: they are made by path.
func path(client *gophercloud.ServiceClient, parts ...string) string {
	return client.ServiceURL(append([]string{"os-xloud-adjust"}, parts...)...)
}

func decode[T any](body any, err error) (T, error) {
	var found T
	if err != nil {
		return found, err
	}
	written, err := json.Marshal(body)
	if err != nil {
		return found, err
	}
	return found, json.Unmarshal(written, &found)
}

// Get reads a server's size. gophercloud.ResponseCodeIs(err, 404): there is no such server, or it is somebody else's.
func Get(ctx context.Context, client *gophercloud.ServiceClient, serverID string) (Adjustment, error) {
	var body any
	_, err := client.Get(ctx, path(client, serverID), &body, nil)
	return decode[Adjustment](body, err)
}

// Ask asks for a size. The adjustment is then under way.
func Ask(ctx context.Context, client *gophercloud.ServiceClient, serverID string, size Request) (Adjustment, error) {
	var body any
	options := &gophercloud.RequestOpts{OkCodes: []int{202}}
	_, err := client.Post(ctx, path(client, serverID), size, &body, options)
	return decode[Adjustment](body, err)
}

// PlanOf asks which ways there are to a size; nothing is changed.
func PlanOf(ctx context.Context, client *gophercloud.ServiceClient, serverID string, size Request) (Plan, error) {
	var body any
	options := &gophercloud.RequestOpts{OkCodes: []int{200}}
	_, err := client.Post(ctx, path(client, serverID, "plan"), size, &body, options)
	return decode[Plan](body, err)
}

// pause is between two looks at a server that is adjusting.
const pause = time.Second

// Wait looks until nothing is under way any more, or the context ends.
func Wait(ctx context.Context, client *gophercloud.ServiceClient, serverID string) (Adjustment, error) {
	for {
		seen, err := Get(ctx, client, serverID)
		if err != nil || seen.Status != Adjusting {
			return seen, err
		}
		select {
		case <-ctx.Done():
			return seen, fmt.Errorf("the server is still on its way to its size: %w", ctx.Err())
		case <-time.After(pause):
		}
	}
}

// Failure is the service's reason where an adjustment did not end as asked for; empty: it did, or will at the next start.
func (a Adjustment) Failure() string {
	if a.Status != Partial && a.Status != Failed {
		return ""
	}
	if a.Message == nil {
		return "The adjustment ended with status " + a.Status + "."
	}
	return *a.Message
}

// Refusals are the reasons against every way to a size, each once.
func (p Plan) Refusals() []string {
	var reasons []string
	told := map[string]bool{}
	for _, way := range []string{"live", "live_after_migration", "next_boot"} {
		for _, reason := range p.Ways[way].Reasons {
			if !told[reason.Message] {
				reasons = append(reasons, reason.Message)
			}
			told[reason.Message] = true
		}
	}
	return reasons
}

// AgainstLive are the reasons why the server cannot have a size as it runs, where it is.
func (p Plan) AgainstLive() []string {
	var reasons []string
	for _, reason := range p.Ways["live"].Reasons {
		reasons = append(reasons, reason.Message)
	}
	return reasons
}
