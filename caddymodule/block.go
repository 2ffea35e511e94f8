package caddymodule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unsafe"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/weirproxy/weir/core"
)

// block reads the options of one block in a Caddyfile, and remembers where each
// stands, for errors that come to light when all are read.
type block struct {
	*caddyfile.Dispenser
	name string // in front of errors
	path string // in front of names of options, as core has them
	seen map[string]caddyfile.Token
}

func newBlock(d *caddyfile.Dispenser, name string) *block {
	return &block{d, name, "", map[string]caddyfile.Token{}}
}

// within is the block of an option in this one.
func (b *block) within(option string) *block {
	return &block{b.Dispenser, b.name, b.path + option + ".", b.seen}
}

// repeatable options add to what was said before.
var repeatable = map[string]bool{"limit": true, "zone": true, "match": true}

// option checks the name of the option that comes now.
func (b *block) option(known []string) error {
	name := b.Val()
	for _, k := range known {
		if k != name {
			continue
		}
		if b.has(name) && !repeatable[name] {
			return b.wrap(fmt.Errorf("%s%s: already set", b.path, name))
		}
		b.seen[b.path+name] = b.Token()
		return nil
	}
	return b.wrap(core.UnknownOption(strings.ReplaceAll(b.path, ".", ": "), name, known))
}

func (b *block) has(name string) bool {
	_, ok := b.seen[b.path+name]
	return ok
}

// locate adds to an error where the option stands that it is about.
func (b *block) locate(err error, otherwise caddyfile.Token) error {
	token := otherwise
	var mistake *core.OptionError
	if errors.As(err, &mistake) {
		if t, ok := b.seen[mistake.Option]; ok {
			token = t
		}
	}
	return at(token, fmt.Errorf("%s%w", b.name, err))
}

// at adds to an error where the token stands.
func at(token caddyfile.Token, err error) error {
	d := caddyfile.NewDispenser([]caddyfile.Token{token})
	d.Next()
	return d.WrapErr(err)
}

// missing is an error about an option that has to be there.
func missing(block, option string) error { return fmt.Errorf("%s: %s: missing", block, option) }

// wrap adds to an error what it is about, and where the reading is.
func (b *block) wrap(err error) error { return b.WrapErr(fmt.Errorf("%s%w", b.name, err)) }

// mistake is an error about the value that has just been read.
func (b *block) mistake(option, want string) error {
	return b.wrap(&core.OptionError{Option: b.path + option, Value: b.Val(), Want: want})
}

func (b *block) text(target *string) error {
	if !b.AllArgs(target) {
		return b.ArgErr()
	}
	return nil
}

// flag reads an option that is only there or not.
func (b *block) flag(target *bool) error {
	if b.NextArg() {
		return b.ArgErr()
	}
	*target = true
	return nil
}

func (b *block) duration() (*caddy.Duration, error) {
	option := b.Val()
	var text string
	if err := b.text(&text); err != nil {
		return nil, err
	}
	d, err := core.ParseDuration(b.path+option, text)
	if err != nil {
		return nil, b.wrap(err)
	}
	duration := caddy.Duration(d)
	return &duration, nil
}

func number[T int | int64](b *block) (*T, error) {
	option := b.Val()
	var text string
	if err := b.text(&text); err != nil {
		return nil, err
	}
	n, err := strconv.ParseInt(text, 10, int(8*unsafe.Sizeof(T(0))))
	if err != nil {
		return nil, b.mistake(option, "a whole number")
	}
	value := T(n)
	return &value, nil
}

func (b *block) fraction() (*float64, error) {
	option := b.Val()
	var text string
	if err := b.text(&text); err != nil {
		return nil, err
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, b.mistake(option, "a fraction from 0 to 1")
	}
	return &f, nil
}
