package caddymodule

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "weir",
		Usage: "limits|peek|reset|block [--address <interface>] [--config <path> [--adapter <name>]] [--json]",
		Short: "Shows rate limits and the state of clients, and changes it",
		Long: `
Shows the rate limits of a running Caddy and the state of whom they count, and
changes it, through Caddy's admin API. What is changed in a Redis is changed for
every proxy that shares it.

An identity is what the limit's key comes out as: a client's address, an API key.
With --stored it is what stands in the store, such as a hash found there.`,
		CobraFunc: func(root *cobra.Command) {
			flags := root.PersistentFlags()
			flags.String("address", "", "The address of the admin API")
			flags.StringP("config", "c", "", "The configuration to take that address from")
			flags.StringP("adapter", "a", "", "The adapter for that configuration")
			flags.Bool("json", false, "Print JSON")
			root.AddCommand(
				command("limits [<limit>]", "Lists the limits", cobra.MaximumNArgs(1), runLimits),
				onIdentity(command("peek <limit> <identity>", "Shows the state of an identity", cobra.ExactArgs(2), runPeek)),
				onIdentity(command("reset <limit> <identity>", "Makes an identity whole again, and unblocks it", cobra.ExactArgs(2), runReset)),
				onIdentity(command("block <limit> <identity> <duration>", "Denies an identity for a while", cobra.ExactArgs(3), runBlock)),
			)
		},
	})
}

func command(use, short string, args cobra.PositionalArgs, run func(caddycmd.Flags, []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: args,
		RunE: func(cmd *cobra.Command, arguments []string) error {
			return caddycmd.WrapCommandFuncForCobra(func(flags caddycmd.Flags) (int, error) {
				if err := run(flags, arguments); err != nil {
					return caddy.ExitCodeFailedStartup, err
				}
				return caddy.ExitCodeSuccess, nil
			})(cmd, arguments)
		},
	}
}

func onIdentity(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Bool("stored", false, "The identity is as it stands in the store")
	return cmd
}

func runLimits(flags caddycmd.Flags, arguments []string) error {
	var limits []LimitInfo
	if err := call(flags, http.MethodGet, "", &limits, arguments...); err != nil {
		return err
	}
	return printAll(flags, limits, "LIMIT\tRATE\tALGORITHM\tKEY\tSTORE\t", func(l LimitInfo) string {
		notes := ""
		if l.DryRun {
			notes += " dry run"
		}
		if l.Lost {
			notes += " store lost"
		}
		return fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s", l.Name, l.Rate, l.Algorithm, l.Key, l.Store, notes)
	})
}

func runPeek(flags caddycmd.Flags, arguments []string) error {
	return runOnState(flags, http.MethodGet, "", arguments)
}

func runReset(flags caddycmd.Flags, arguments []string) error {
	return runOnState(flags, http.MethodDelete, "", arguments)
}

func runBlock(flags caddycmd.Flags, arguments []string) error {
	body, err := json.Marshal(map[string]string{"block": arguments[2]})
	if err != nil {
		return err
	}
	return runOnState(flags, http.MethodPost, string(body), arguments[:2])
}

func runOnState(flags caddycmd.Flags, method, body string, arguments []string) error {
	var states []State
	if err := call(flags, method, body, &states, arguments...); err != nil {
		return err
	}
	return printAll(flags, states, "LIMIT\tIDENTITY\tNOW\tREMAINING\tRETRY AFTER\tFULL IN\tKEY", func(s State) string {
		now, retry := "allowed", "-"
		if !s.Allowed {
			now, retry = "denied", inSeconds(s.RetryAfter)
		}
		return fmt.Sprintf("%s\t%s\t%s\t%d\t%s\t%s\t%s", s.Limit, s.Identity, now, s.Remaining, retry, inSeconds(s.Full), s.Key)
	})
}

// inSeconds is a time that a person can read.
func inSeconds(seconds float64) string {
	if seconds < 0 {
		return "never"
	}
	return time.Duration(seconds * float64(time.Second)).Round(time.Millisecond).String()
}

// call asks the admin API of the running Caddy.
func call(flags caddycmd.Flags, method, body string, result any, path ...string) error {
	address, err := caddycmd.DetermineAdminAPIAddress(flags.String("address"), nil, flags.String("config"), flags.String("adapter"))
	if err != nil {
		return fmt.Errorf("finding the admin API: %w", err)
	}
	uri := limitsPath
	for _, part := range path {
		uri += "/" + url.PathEscape(part)
	}
	if flags.Lookup("stored") != nil && flags.Bool("stored") {
		uri += "?stored=true"
	}
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	response, err := caddycmd.AdminAPIRequest(address, method, uri, nil, content)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(result)
}

// printAll prints rows as a table or, with --json, as they are.
func printAll[T any](flags caddycmd.Flags, rows []T, header string, line func(T) string) error {
	if flags.Bool("json") {
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(rows)
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, header)
	for _, row := range rows {
		fmt.Fprintln(table, line(row))
	}
	return table.Flush()
}
