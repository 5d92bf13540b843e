package clickhouse

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"floorwalker/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options shape the tables. Retentions are in days, 0 keeps for ever; changing one and migrating again alters the tables.
type Options struct {
	Cluster    string // empty: plain tables on one server
	RawDays    int    // events, dead_letters
	FactDays   int    // facts, annotations, alerts
	WindowDays int    // windows
}

func (o Options) validate() error {
	if o.Cluster != "" && !clusterName.MatchString(o.Cluster) {
		return fmt.Errorf("cluster: %q is not a name of letters, digits and _ . -", o.Cluster)
	}
	for name, days := range map[string]int{"raw": o.RawDays, "facts": o.FactDays, "windows": o.WindowDays} {
		if days < 0 || days > 36500 {
			return fmt.Errorf("retention of %s: %d days is not between 0 (keep) and 36500", name, days)
		}
	}
	return nil
}

// Migrate brings the database to this release's schema and returns what it had to do: names of migrations, and of tables whose
// retention changed. It may be repeated, and go on after a failure: every statement can be run twice.
func Migrate(ctx context.Context, conn driver.Conn, o Options) (applied []string, err error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if err := run(ctx, conn, "migrations", migrationsTable, o); err != nil {
		return nil, err
	}
	done, err := appliedNames(ctx, conn)
	if err != nil {
		return nil, err
	}
	names, err := Migrations()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if done[name] {
			continue
		}
		if err := apply(ctx, conn, name, o); err != nil {
			return applied, err
		}
		applied = append(applied, name)
	}
	altered, err := retain(ctx, conn, o)
	return append(applied, altered...), err
}

// Migrations lists the numbered migrations in order, without their suffix.
func Migrations() ([]string, error) {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	slices.Sort(files)
	for i, f := range files {
		files[i] = strings.TrimSuffix(strings.TrimPrefix(f, "migrations/"), ".sql")
	}
	return files, nil
}

const migrationsTable = `{{create "migrations"}} (
    name        String,
    applied_at  DateTime64(3, 'UTC')
) ENGINE = {{replacing "migrations" "applied_at"}}
ORDER BY name;
{{distributed "migrations" "name"}}`

func appliedNames(ctx context.Context, conn driver.Conn) (map[string]bool, error) {
	rows, err := conn.Query(ctx, "SELECT DISTINCT name FROM migrations")
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	defer rows.Close()
	done := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("read migrations: %w", err)
		}
		done[name] = true
	}
	return done, rows.Err()
}

func apply(ctx context.Context, conn driver.Conn, name string, o Options) error {
	text, err := migrations.ReadFile("migrations/" + name + ".sql")
	if err != nil {
		return fmt.Errorf("migration %s: %w", name, err)
	}
	if err := run(ctx, conn, name, string(text), o); err != nil {
		return err
	}
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO migrations (name, applied_at)")
	if err != nil {
		return fmt.Errorf("record migration %s: %w", name, err)
	}
	defer batch.Close()
	if err := batch.Append(name, time.Now().UTC()); err != nil {
		return fmt.Errorf("record migration %s: %w", name, err)
	}
	if err := batch.Send(); err != nil {
		return fmt.Errorf("record migration %s: %w", name, err)
	}
	return nil
}

func run(ctx context.Context, conn driver.Conn, name, text string, o Options) error {
	statements, err := render(text, o)
	if err != nil {
		return fmt.Errorf("migration %s: %w", name, err)
	}
	for i, s := range statements {
		if err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("migration %s, statement %d: %w", name, i+1, err)
		}
	}
	return nil
}

// Render returns the statements of a migration as they would be run.
func Render(name string, o Options) ([]string, error) {
	text, err := migrations.ReadFile("migrations/" + name + ".sql")
	if err != nil {
		return nil, fmt.Errorf("migration %s: %w", name, err)
	}
	return render(string(text), o)
}

// render fills in a migration's template and cuts it into statements, which end with a semicolon at the end of a line.
func render(text string, o Options) ([]string, error) {
	t, err := template.New("").Funcs(o.functions()).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, map[string]any{"Measures": measureNames(), "WindowTables": windowTables()}); err != nil {
		return nil, fmt.Errorf("render: %w", err)
	}
	var statements []string
	for _, s := range strings.SplitAfter(b.String(), ";\n") {
		if s = strings.TrimSuffix(strings.TrimSpace(withoutComments(s)), ";"); s != "" {
			statements = append(statements, s)
		}
	}
	return statements, nil
}

func withoutComments(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if at := strings.Index(l, "-- "); at >= 0 {
			lines[i] = strings.TrimRight(l[:at], " ")
		} else if strings.TrimSpace(l) == "--" {
			lines[i] = ""
		}
	}
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return l == "" }), "\n")
}

func measureNames() []string {
	names := make([]string, schema.NumMeasures)
	for m := range names {
		names[m] = schema.Measure(m).String()
	}
	return names
}

func windowTables() []string { return []string{"windows_1m", "windows_15m"} }

// keeper is where a cluster's replicas meet; ClickHouse fills in the braces.
const keeper = `'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'`

// functions are what migrations say instead of CREATE TABLE and engines, so that one text makes both kinds of tables.
func (o Options) functions() template.FuncMap {
	return template.FuncMap{
		"create": func(table string) string {
			return "CREATE TABLE IF NOT EXISTS " + o.local(table) + onCluster(o.Cluster)
		},
		"replacing": func(_, version string) string {
			if o.Cluster == "" {
				return "ReplacingMergeTree(" + version + ")"
			}
			return "ReplicatedReplacingMergeTree(" + keeper + ", " + version + ")"
		},
		"merge": func(string) string {
			if o.Cluster == "" {
				return "MergeTree"
			}
			return "ReplicatedMergeTree(" + keeper + ")"
		},
		"alter": func(table string) string { return "ALTER TABLE " + o.local(table) + onCluster(o.Cluster) },
		"alterDistributed": func(table, change string) string {
			if o.Cluster == "" {
				return ""
			}
			return "ALTER TABLE " + table + onCluster(o.Cluster) + " " + change + ";"
		},
		// A month that nothing is written to any more becomes one part, which FINAL reads as it is.
		"byMonth": func() string {
			return "SETTINGS min_age_to_force_merge_seconds = 3600, min_age_to_force_merge_on_partition_only = 1"
		},
		"distributed": func(table, key string) string {
			if o.Cluster == "" {
				return ""
			}
			return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s AS %s ENGINE = Distributed('%s', currentDatabase(), '%s', cityHash64(%s));",
				table, onCluster(o.Cluster), o.local(table), o.Cluster, o.local(table), key)
		},
	}
}

// local is the table that holds rows: in a cluster the plain name is that of the Distributed table over it.
func (o Options) local(table string) string {
	if o.Cluster == "" {
		return table
	}
	return table + "_local"
}
