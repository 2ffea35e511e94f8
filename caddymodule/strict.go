package caddymodule

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/weirproxy/weir/core"
)

// These types name the nearest option where JSON has one that they do not know;
// Caddy alone would only say that it is unknown. Each decodes through a type of
// its own without this method.

// UnmarshalJSON implements json.Unmarshaler.
func (a *App) UnmarshalJSON(text []byte) error {
	settings := new(Settings)
	if err := strict(text, settings); err != nil {
		return err
	}
	a.Settings = *settings
	return nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *Handler) UnmarshalJSON(text []byte) error {
	type plain Handler
	return strict(text, (*plain)(h))
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *Limit) UnmarshalJSON(text []byte) error {
	type plain Limit
	return strict(text, (*plain)(l))
}

// UnmarshalJSON implements json.Unmarshaler.
func (z *Zone) UnmarshalJSON(text []byte) error {
	type plain Zone
	return strict(text, (*plain)(z))
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Redis) UnmarshalJSON(text []byte) error {
	type plain Redis
	return strict(text, (*plain)(r))
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *TLS) UnmarshalJSON(text []byte) error {
	type plain TLS
	return strict(text, (*plain)(t))
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Response) UnmarshalJSON(text []byte) error {
	type plain Response
	return strict(text, (*plain)(r))
}

// strict decodes an object into the struct that target points to.
func strict(text []byte, target any) error {
	var object map[string]json.RawMessage
	// Whatever is no object, the decoder below says better.
	if json.Unmarshal(text, &object) == nil {
		known := jsonNames(reflect.TypeOf(target).Elem())
		for name := range object {
			if !slices.Contains(known, name) {
				return core.UnknownOption("", name, known)
			}
		}
	}
	return json.Unmarshal(text, target)
}

// jsonNames are the names of a struct's fields in JSON, those of embedded
// structs included.
func jsonNames(t reflect.Type) []string {
	var names []string
	for _, field := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && field.IsExported() {
			names = append(names, name)
		}
	}
	return names
}
