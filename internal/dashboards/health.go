package dashboards

// ours picks the processes that are chosen at the top.
const ours = `instance=~"$instance"`

// Health is what an operator looks at: Floorwalker's own metrics, as every process shows them.
func Health() Dashboard {
	series := func(title, unit string, width int, queries ...Query) Panel {
		return Panel{Title: title, Kind: "timeseries", Unit: unit, Width: width, Queries: queries}
	}
	helped := func(p Panel, help string) Panel {
		p.Help = help
		return p
	}
	q := func(expr, legend string) Query { return Query{Expr: expr, Legend: legend} }
	rate := func(metric, by string) string {
		return `sum by (` + by + `) (rate(` + metric + `{` + ours + `}[$__rate_interval]))`
	}
	p := func(quantile, metric, by string) string {
		return `histogram_quantile(` + quantile + `, sum by (` + by + `le) (rate(` + metric + `_bucket{` + ours + `}[$__rate_interval])))`
	}
	return Dashboard{
		UID: "floorwalker-health", Title: "Floorwalker's health", Source: Prometheus, From: "now-3h", Refresh: "30s",
		Help:      "Floorwalker's own metrics. What each one means, and what to do about an alert, stands in docs/operations.md.",
		Variables: []Variable{{Name: "instance", Label: "Process", Multi: true, Query: `label_values(up{job="floorwalker"}, instance)`}},
		Rows: []Row{
			{Title: "Is it well?", Panels: []Panel{
				{Title: "Parts that are not ready", Kind: "stat", Width: 4, Unit: "short", Bad: 1, Queries: []Query{
					{Expr: `sum(1 - floorwalker_ready{` + ours + `})`, Legend: "not ready", Instant: true}}},
				{Title: "Age of the newest answer", Kind: "stat", Width: 4, Unit: "s", Bad: 60, Help: "Live view and history, the oldest partition of each.", Queries: []Query{
					{Expr: `max by (reader) (floorwalker_freshness_seconds{` + ours + `})`, Legend: "{{reader}}", Instant: true}}},
				{Title: "Warnings", Kind: "stat", Width: 4, Unit: "short", Bad: 1, Help: "Lines of /readyz that say something although the part is ready.", Queries: []Query{
					{Expr: `max(floorwalker_warnings{` + ours + `})`, Legend: "warnings", Instant: true}}},
				{Title: "Partitions without a worker", Kind: "stat", Width: 4, Unit: "short", Bad: 1, Queries: []Query{
					{Expr: `max(floorwalker_topic_partitions) - sum(floorwalker_worker_partitions)`, Legend: "partitions", Instant: true}}},
				series("Ready", "short", 8, q(`min by (instance, part) (floorwalker_ready{`+ours+`})`, "{{instance}} {{part}}")),
			}},
			{Title: "Taking events in", Panels: []Panel{
				helped(series("Lag", "short", 8, q(`sum by (reader) (max by (reader, partition) (floorwalker_lag_records{`+ours+`}))`, "{{reader}}")),
					"Records between what a reader has applied (the workers: committed, at each checkpoint) and the end of Kafka's partitions."),
				series("Age of the newest answer", "s", 8, q(`max by (reader) (floorwalker_freshness_seconds{`+ours+`})`, "{{reader}}")),
				helped(series("Events by what became of them", "ops", 8, q(rate("floorwalker_worker_events_total", "outcome"), "{{outcome}}")),
					"Workers only. Dead letters are counted under their code."),
				series("Dead letters, lost offsets", "short", 8, q(`sum(increase(floorwalker_ingest_dead_letters_total{`+ours+`}[$__rate_interval]))`, "dead letters"),
					q(`sum(increase(floorwalker_worker_lost_offsets_total{`+ours+`}[$__rate_interval]))`, "lost offsets")),
				series("Kafka", "ops", 8, q(rate("floorwalker_ingest_records_total", "instance"), "{{instance}} records"),
					q(rate("floorwalker_ingest_reconnects_total", "instance"), "{{instance}} reconnects"),
					q(rate("floorwalker_ingest_write_errors_total", "instance"), "{{instance}} write errors")),
				series("Partitions by worker", "short", 8, q(`sum by (instance) (floorwalker_worker_partitions{`+ours+`})`, "{{instance}}")),
			}},
			{Title: "Writing history", Panels: []Panel{
				series("Rows written", "ops", 8, q(rate("floorwalker_sink_rows_total", "instance"), "{{instance}}")),
				series("INSERTs that failed", "short", 8, q(`sum by (instance) (increase(floorwalker_sink_failures_total{`+ours+`}[$__rate_interval]))`, "{{instance}}")),
				series("How long a flush takes", "s", 8, q(p("0.5", "floorwalker_sink_flush_seconds", ""), "p50"), q(p("0.99", "floorwalker_sink_flush_seconds", ""), "p99")),
				series("Checkpoints", "short", 8, q(`sum(increase(floorwalker_worker_checkpoints_total{`+ours+`}[$__rate_interval]))`, "workers'"),
					q(`sum(increase(floorwalker_worker_failed_checkpoints_total{`+ours+`}[$__rate_interval]))`, "workers', failed"),
					q(`sum(increase(floorwalker_view_checkpoints_total{`+ours+`}[$__rate_interval]))`, "live views'"),
					q(`sum(increase(floorwalker_view_checkpoint_failures_total{`+ours+`}[$__rate_interval]))`, "live views', failed")),
				series("How long checkpoints take", "s", 8, q(p("0.99", "floorwalker_worker_checkpoint_seconds", ""), "workers', p99"),
					q(p("0.99", "floorwalker_view_checkpoint_seconds", ""), "live views', p99")),
				series("Waiting for ClickHouse", "ops", 8, q(rate("floorwalker_worker_backpressure_waits_total", "instance"), "{{instance}}")),
			}},
			{Title: "Answering", Panels: []Panel{
				series("Requests by route", "reqps", 12, q(`sum by (route) (rate(floorwalker_query_requests_total{`+ours+`}[$__rate_interval]))`, "{{route}}")),
				series("Requests by status", "reqps", 12, q(rate("floorwalker_query_requests_total", "status"), "{{status}}"), q(rate("floorwalker_query_refused_total", "status"), "{{status}}")),
				series("How long requests take, p95 by route", "s", 12, q(p("0.95", "floorwalker_query_request_seconds", "route, "), "{{route}}")),
				series("How long requests take", "s", 12, q(p("0.5", "floorwalker_query_request_seconds", ""), "p50"), q(p("0.99", "floorwalker_query_request_seconds", ""), "p99")),
			}},
			{Title: "Push and alerts", Panels: []Panel{
				series("Subscribers", "short", 8, q(`sum by (instance) (floorwalker_push_streams{`+ours+`})`, "{{instance}} streams"),
					q(`sum by (instance) (floorwalker_push_subscriptions{`+ours+`})`, "{{instance}} subscriptions"),
					q(`sum by (instance) (floorwalker_signalr_connections{`+ours+`})`, "{{instance}} SignalR")),
				series("Messages", "ops", 8, q(rate("floorwalker_push_messages_total", "instance"), "{{instance}} messages"), q(rate("floorwalker_push_coalesced_total", "instance"), "{{instance}} coalesced"),
					q(rate("floorwalker_push_refused_total", "instance"), "{{instance}} refused")),
				series("From change to message", "s", 8, q(p("0.5", "floorwalker_push_delay_seconds", ""), "p50"), q(p("0.99", "floorwalker_push_delay_seconds", ""), "p99")),
				series("Alerts posted", "short", 8, q(`sum by (result) (increase(floorwalker_alert_posts_total{`+ours+`}[$__rate_interval]))`, "{{result}}")),
				series("Alert rules", "short", 8, q(`sum(floorwalker_alert_rules{`+ours+`})`, "rules"), q(`sum(floorwalker_alert_faulty_rules{`+ours+`})`, "faulty")),
			}},
			{Title: "The process", Panels: []Panel{
				series("Memory", "bytes", 8, q(`process_resident_memory_bytes{`+ours+`}`, "{{instance}} resident"), q(`go_memstats_heap_inuse_bytes{`+ours+`}`, "{{instance}} heap"),
					q(`go_memlimit_bytes{`+ours+`} < 1e15`, "{{instance}} soft limit")),
				series("Processor", "percentunit", 8, q(`rate(process_cpu_seconds_total{`+ours+`}[$__rate_interval])`, "{{instance}}")),
				series("Garbage collection", "percentunit", 8, q(`rate(go_gc_cpu_seconds_total{`+ours+`}[$__rate_interval]) / rate(process_cpu_seconds_total{`+ours+`}[$__rate_interval])`, "{{instance}}, share of the processor")),
				series("Goroutines", "short", 8, q(`go_goroutines{`+ours+`}`, "{{instance}}")),
				series("Open files", "short", 8, q(`process_open_fds{`+ours+`}`, "{{instance}}")),
				series("Room in data_dir", "bytes", 8, q(`floorwalker_data_dir_free_bytes{`+ours+`}`, "{{instance}}")),
			}},
		},
	}
}
