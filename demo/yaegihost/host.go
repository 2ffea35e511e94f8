// Package yaegihost loads the Traefik plugin as Traefik v3.7 does: interpreted
// by Yaegi with the standard library's symbols and no others, configured
// through mapstructure, one interpreter for all middlewares.
package yaegihost

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path"
	"reflect"
	"strings"

	"github.com/mitchellh/mapstructure"
	"github.com/traefik/yaegi/interp"
	"github.com/traefik/yaegi/stdlib"

	"github.com/weirproxy/weir/demo/checkout"
)

// Host is a loaded plugin. Its middlewares share an interpreter, and so the
// plugin's package variables.
type Host struct {
	createConfig reflect.Value
	newHandler   reflect.Value
}

// Load interprets the plugin in the checkout at root. What the plugin prints
// is logged as Traefik logs it: standard output at debug, standard error at
// error. The checkout is not read again afterwards.
func Load(root string, logger *slog.Logger) (*Host, error) {
	goPath, err := os.MkdirTemp("", "weir-gopath-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(goPath)
	if err := checkout.CopyPlugin(root, goPath); err != nil {
		return nil, err
	}
	manifest, err := ReadManifest(root)
	if err != nil {
		return nil, err
	}
	return load(goPath, manifest, logger)
}

func load(goPath string, manifest *Manifest, logger *slog.Logger) (*Host, error) {
	interpreter := interp.New(interp.Options{
		GoPath: goPath,
		Env:    os.Environ(),
		Stdout: lineLogger{logger, slog.LevelDebug},
		Stderr: lineLogger{logger, slog.LevelError},
	})
	if err := interpreter.Use(stdlib.Symbols); err != nil {
		return nil, fmt.Errorf("load the standard library's symbols: %w", err)
	}
	if _, err := interpreter.Eval(fmt.Sprintf("import %q", manifest.Import)); err != nil {
		return nil, fmt.Errorf("import %s: %w", manifest.Import, err)
	}
	base := manifest.BasePkg
	if base == "" {
		base = strings.ReplaceAll(path.Base(manifest.Import), "-", "_")
	}
	createConfig, err := interpreter.Eval(base + ".CreateConfig")
	if err != nil {
		return nil, fmt.Errorf("find CreateConfig: %w", err)
	}
	newHandler, err := interpreter.Eval(base + ".New")
	if err != nil {
		return nil, fmt.Errorf("find New: %w", err)
	}
	return &Host{createConfig: createConfig, newHandler: newHandler}, nil
}

// New makes a middleware of the plugin's options, named as in Traefik's
// configuration, "limit@file" for one. Traefik cancels ctx when the next
// configuration replaces this one.
func (h *Host) New(ctx context.Context, next http.Handler, name string, options map[string]any) (http.Handler, error) {
	config, err := h.config(options)
	if err != nil {
		return nil, err
	}
	results := h.newHandler.Call([]reflect.Value{
		reflect.ValueOf(ctx), reflect.ValueOf(next), config, reflect.ValueOf(name),
	})
	if len(results) > 1 && results[1].Interface() != nil {
		err, ok := results[1].Interface().(error)
		if !ok {
			return nil, fmt.Errorf("New returned a %T where an error belongs", results[1].Interface())
		}
		return nil, err
	}
	handler, ok := results[0].Interface().(http.Handler)
	if !ok {
		return nil, fmt.Errorf("New returned a %T where an http.Handler belongs", results[0].Interface())
	}
	return handler, nil
}

// config decodes options onto what CreateConfig returns, with Traefik's decoder
// settings.
func (h *Host) config(options map[string]any) (reflect.Value, error) {
	results := h.createConfig.Call(nil)
	if len(results) != 1 {
		return reflect.Value{}, fmt.Errorf("CreateConfig returned %d values, want 1", len(results))
	}
	if len(options) == 0 {
		return results[0], nil
	}
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		DecodeHook:       mapstructure.StringToSliceHookFunc(","),
		WeaklyTypedInput: true,
		Result:           results[0].Interface(),
	})
	if err != nil {
		return reflect.Value{}, fmt.Errorf("decode the options: %w", err)
	}
	if err := decoder.Decode(options); err != nil {
		return reflect.Value{}, fmt.Errorf("decode the options: %w", err)
	}
	return results[0], nil
}

// lineLogger logs each write as one message.
type lineLogger struct {
	logger *slog.Logger
	level  slog.Level
}

func (l lineLogger) Write(line []byte) (int, error) {
	l.logger.Log(context.Background(), l.level, strings.TrimRight(string(line), "\n"))
	return len(line), nil
}
