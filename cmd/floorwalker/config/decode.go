package config

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Load reads and checks a file. The configuration is usable only where the error is nil; the error joins every fault
// (errors.As with *Fault, or Unwrap() []error).
func Load(file string) (Config, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	return Parse(data)
}

// Parse is Load without a file. Paths inside it are relative to the working directory.
func Parse(data []byte) (Config, error) {
	c := Default()
	f := &faults{lines: map[string]int{}}
	tree, err := parser.ParseBytes(bytes.TrimPrefix(data, []byte("\ufeff")), 0) // YAML allows a byte order mark
	if err != nil {
		return c, fmt.Errorf("configuration: %s", yaml.FormatError(err, false, false))
	}
	if len(tree.Docs) > 1 {
		f.at(line(tree.Docs[1].Body), "---", "a second document; one is allowed")
	}
	if len(tree.Docs) > 0 && tree.Docs[0].Body != nil {
		f.decode(tree.Docs[0].Body, reflect.ValueOf(&c).Elem(), "")
	}
	c.validate(f)
	return c, f.err()
}

// decode walks the tree beside the struct, so that one bad value hides no other: the YAML library's own decoder stops at the
// first.
func (f *faults) decode(n ast.Node, v reflect.Value, path string) {
	switch t := n.(type) {
	case *ast.NullNode:
		return
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		f.at(line(n), path, "%s: anchors, aliases and tags are not allowed", strings.TrimSpace(t.String()))
		return
	}
	f.lines[path] = line(n)
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		f.duration(n, v, path)
	case v.Kind() == reflect.Struct:
		f.mapping(n, v, path)
	case v.Kind() == reflect.Slice:
		f.sequence(n, v, path)
	case v.Kind() == reflect.String:
		f.text(n, v, path)
	case v.Kind() == reflect.Map:
		f.entries(n, v, path)
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.decode(n, v.Elem(), path)
	default:
		// The library would cut 1.5 to 1.
		_, fraction := n.(*ast.FloatNode)
		fraction = fraction && v.Kind() != reflect.Float64
		if err := yaml.NodeToValue(n, v.Addr().Interface()); err != nil || fraction {
			f.at(line(n), path, "%s is not %s", strings.TrimSpace(n.String()), kindName(v))
		}
	}
}

// pairs are the entries of a mapping.
func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

func keyOf(pair *ast.MappingValueNode) string {
	if s, ok := pair.Key.(*ast.StringNode); ok {
		return s.Value
	}
	return strings.TrimSpace(pair.Key.String())
}

// entries decodes a mapping whose keys are data.
func (f *faults) entries(n ast.Node, v reflect.Value, path string) {
	list, ok := pairs(n)
	if !ok {
		f.at(line(n), path, "%s is not a mapping", strings.TrimSpace(n.String()))
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, pair := range list {
		key := keyOf(pair)
		value := reflect.New(v.Type().Elem()).Elem()
		f.lines[join(path, key)] = line(pair.Key)
		f.decode(pair.Value, value, join(path, key))
		v.SetMapIndex(reflect.ValueOf(key), value)
	}
}

func (f *faults) mapping(n ast.Node, v reflect.Value, path string) {
	list, ok := pairs(n)
	if !ok {
		f.at(line(n), orRoot(path), "%s is not a mapping; its keys are %s", strings.TrimSpace(n.String()), strings.Join(keys(v.Type()), ", "))
		return
	}
	for _, pair := range list {
		key := keyOf(pair)
		at := join(path, key)
		field, ok := fieldOf(v, key)
		if !ok {
			f.at(line(pair.Key), at, "%s", unknown(v.Type(), key))
			continue
		}
		f.lines[at] = line(pair.Key)
		f.decode(pair.Value, field, at)
	}
}

func (f *faults) sequence(n ast.Node, v reflect.Value, path string) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		f.at(line(n), path, "%s is not a list", strings.TrimSpace(n.String()))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, one := range s.Values {
		f.decode(one, v.Index(i), path+"["+strconv.Itoa(i)+"]")
	}
}

// text takes a scalar as it is written: a contact centre's id 6 is the string "6", and 007 stays 007.
func (f *faults) text(n ast.Node, v reflect.Value, path string) {
	switch s := n.(type) {
	case *ast.StringNode:
		v.SetString(s.Value)
	case *ast.LiteralNode:
		v.SetString(s.Value.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		v.SetString(s.GetToken().Value)
	default:
		f.at(line(n), path, "%s is not a text", strings.TrimSpace(n.String()))
	}
}

func (f *faults) duration(n ast.Node, v reflect.Value, path string) {
	d, err := ParseDuration(strings.TrimSpace(n.GetToken().Value))
	if err != nil {
		f.at(line(n), path, "%v", err)
		return
	}
	v.SetInt(int64(d))
}

// ParseDuration reads Go's durations and, in front of them, whole days: 90d, 1d12h, 30s; 0 needs no unit.
func ParseDuration(s string) (time.Duration, error) {
	text, days := s, 0
	if before, after, ok := strings.Cut(s, "d"); ok {
		n, err := strconv.Atoi(before)
		if err != nil || n < 0 || n > 36500 {
			return 0, fmt.Errorf("%q is not a duration such as 90d, 1h30m or 30s", s)
		}
		days, text = n, after
	}
	var rest time.Duration
	if text != "" || days == 0 && s != "0d" {
		var err error
		if rest, err = time.ParseDuration(text); err != nil {
			return 0, fmt.Errorf("%q is not a duration such as 90d, 1h30m or 30s", s)
		}
	}
	return time.Duration(days)*24*time.Hour + rest, nil
}

func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keys(t reflect.Type) []string {
	out := make([]string, t.NumField())
	for i := range out {
		out[i] = t.Field(i).Tag.Get("yaml")
	}
	return out
}

// unknown says what to write instead; a secret put inline gets its own words, because the value must not be repeated.
func unknown(t reflect.Type, key string) string {
	var refs []string
	for _, k := range keys(t) {
		for _, suffix := range []string{"_file", "_env", "_hash", "_sha256"} {
			if k == key+suffix {
				refs = append(refs, k)
			}
		}
	}
	if len(refs) > 0 {
		return "an inline secret is refused; use " + strings.Join(refs, " or ")
	}
	return "unknown key; allowed are " + strings.Join(keys(t), ", ")
}

func kindName(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "a " + v.Kind().String()
}

func line(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 0
	}
	// The token of a mapping is its first colon; its line is that of the first key.
	return n.GetToken().Position.Line
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func orRoot(path string) string {
	if path == "" {
		return "configuration"
	}
	return path
}
