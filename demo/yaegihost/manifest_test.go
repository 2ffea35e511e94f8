package yaegihost

import (
	"reflect"
	"testing"
)

func TestOptionsAreReadAsTraefikReadsThem(t *testing.T) {
	for name, test := range map[string]struct {
		yaml string
		want map[string]any
	}{
		"scalars":        {"a: 3\nb: 1.5\nc: true\nd: text\n", map[string]any{"a": "3", "b": "1.500000", "c": "true", "d": "text"}},
		"null":           {"a: 1\nb: null\n", map[string]any{"a": "1"}},
		"lists":          {"a: [x, y]\nb: [1, 2]\n", map[string]any{"a": []any{"x", "y"}, "b": []any{int64(1), int64(2)}}},
		"nested":         {"redis: {address: 'redis:6379', db: 1}\n", map[string]any{"redis": map[string]any{"address": "redis:6379", "db": "1"}}},
		"list of maps":   {"limits:\n- {name: a, burst: 2}\n", map[string]any{"limits": []any{map[string]any{"name": "a", "burst": "2"}}}},
		"lists in lists": {"limits:\n- {name: a, match: {paths: [/a, /b]}}\n", map[string]any{"limits": []any{map[string]any{"name": "a", "match": map[string]any{"paths": []any{"/a", "/b"}}}}}},
		"empty":          {"", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Options(test.yaml)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got  %#v\nwant %#v", got, test.want)
			}
		})
	}
}
