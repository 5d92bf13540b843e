package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

func newHealth() *cobra.Command {
	var url string
	var timeout time.Duration
	var insecure bool
	cmd := &cobra.Command{
		Use:     "health",
		Short:   "Ask a running Floorwalker whether it is well; exit code 0 if so",
		Long:    "Asks an endpoint of a running Floorwalker, for containers' health checks: /healthz, the process lives; /readyz, it has caught up\nand reaches Kafka and ClickHouse. --insecure is for asking a process on this machine whose certificate is for another name.",
		Example: "  floorwalker health\n  floorwalker health --url http://127.0.0.1:8080/readyz\n  floorwalker health --insecure --url https://127.0.0.1:8080/healthz",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			transport := http.DefaultTransport.(*http.Transport).Clone()
			transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: insecure} // nothing secret is sent, and the answer is only shown
			client := http.Client{Timeout: timeout, Transport: transport}
			defer client.CloseIdleConnections()
			req, err := http.NewRequestWithContext(cmd.Context(), http.MethodGet, url, nil)
			if err != nil {
				return err
			}
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s", body)
			if resp.StatusCode != http.StatusOK {
				return fmt.Errorf("%s answers %s", url, resp.Status)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&url, "url", "http://127.0.0.1:8080/healthz", "what to ask")
	cmd.Flags().BoolVar(&insecure, "insecure", false, "do not verify the certificate of an https URL")
	cmd.Flags().DurationVar(&timeout, "timeout", 4*time.Second, "how long to wait for the answer")
	return cmd
}
