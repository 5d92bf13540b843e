package kafkatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Version is the Apache Kafka that Start runs.
const Version = "4.4.0"

// errMissing means that a tool is not installed, as opposed to one that fails.
var errMissing = errors.New("not installed")

// pom names the broker and its logging. The excluded artifact is named by Kafka's pom, but not published; the broker does
// without.
const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
 <groupId>floorwalker</groupId><artifactId>kafkatest</artifactId><version>1</version><packaging>pom</packaging>
 <dependencies>
  <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>` + Version + `</version>
   <exclusions><exclusion><groupId>org.apache.kafka</groupId><artifactId>kafka-tools-api</artifactId></exclusion></exclusions></dependency>
  <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.5</version></dependency>
 </dependencies>
 <build><plugins><plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.8.1</version></plugin></plugins></build>
</project>
`

// Fetch makes sure that Kafka's jars are in the user's cache and returns their directory. Maven brings them (about 45 MB),
// from whatever repository the user's Maven is set up for, and verifies them. Two fetches at once are safe.
func Fetch(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("kafkatest: user cache directory: %w", err)
	}
	libs := filepath.Join(cache, "floorwalker", "kafka", Version)
	if complete(libs) {
		return libs, nil
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("kafkatest: mvn is %w; Maven fetches Apache Kafka %s once", errMissing, Version)
	}
	if err := os.MkdirAll(filepath.Dir(libs), 0o755); err != nil {
		return "", fmt.Errorf("kafkatest: cache: %w", err)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(libs), "fetch-")
	if err != nil {
		return "", fmt.Errorf("kafkatest: cache: %w", err)
	}
	defer os.RemoveAll(tmp)
	fresh := filepath.Join(tmp, "libs")
	if err := copyDependencies(ctx, mvn, tmp, fresh); err != nil {
		return "", fmt.Errorf("kafkatest: %w", err)
	}
	// The directory appears complete or not at all. If another fetch was faster, its jars are the same.
	if err := os.Rename(fresh, libs); err != nil && !complete(libs) {
		return "", fmt.Errorf("kafkatest: cache: %w", err)
	}
	return libs, nil
}

func complete(libs string) bool {
	_, err := os.Stat(filepath.Join(libs, "kafka_2.13-"+Version+".jar"))
	return err == nil
}

func copyDependencies(ctx context.Context, mvn, dir, libs string) error {
	if err := os.WriteFile(filepath.Join(dir, "pom.xml"), []byte(pom), 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, mvn, "-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+libs)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("mvn dependency:copy-dependencies: %w: %s", err, bytes.TrimSpace(out))
	}
	if !complete(libs) {
		return fmt.Errorf("mvn dependency:copy-dependencies brought no kafka_2.13-%s.jar", Version)
	}
	return nil
}
