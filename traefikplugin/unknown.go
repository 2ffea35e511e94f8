package traefikplugin

import (
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/weirproxy/weir/core"
)

// checkUnknown finds the options that are none, at every level: Traefik's
// decoder collects them in the fields tagged "remain". path is where v stands,
// such as "limits[1].match.".
func checkUnknown(path string, v reflect.Value) error {
	names, unknown := fields(v)
	if len(unknown) > 0 {
		sort.Strings(unknown)
		err := core.UnknownOption("", unknown[0], names)
		if mistake, ok := err.(*core.OptionError); ok {
			mistake.Value = path + unknown[0]
		}
		return err
	}
	for i := 0; i < v.NumField(); i++ {
		name, _ := optionName(v.Type().Field(i))
		if err := checkUnknownIn(path+name, v.Field(i)); err != nil {
			return err
		}
	}
	return nil
}

func checkUnknownIn(path string, v reflect.Value) error {
	switch {
	case v.Kind() == reflect.Struct:
		// Squashed: its options stand where it does.
		return checkUnknown(path, v)
	case v.Kind() == reflect.Ptr && !v.IsNil() && v.Elem().Kind() == reflect.Struct:
		return checkUnknown(path+".", v.Elem())
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := 0; i < v.Len(); i++ {
			if err := checkUnknown(path+"["+strconv.Itoa(i)+"].", v.Index(i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// fields are the names of a struct's options, and what was collected besides
// them; those of a squashed struct are its own.
func fields(v reflect.Value) (names, unknown []string) {
	for i := 0; i < v.NumField(); i++ {
		name, option := optionName(v.Type().Field(i))
		switch option {
		case "remain":
			for _, key := range v.Field(i).MapKeys() {
				unknown = append(unknown, key.String())
			}
		case "squash":
			inner, innerUnknown := fields(v.Field(i))
			names, unknown = append(names, inner...), append(unknown, innerUnknown...)
		default:
			names = append(names, name)
		}
	}
	return names, unknown
}

func optionName(field reflect.StructField) (name, option string) {
	name, option, _ = strings.Cut(field.Tag.Get("mapstructure"), ",")
	return name, option
}

// firstSet is the name of the first option in a struct that has a value, "" if
// none has.
func firstSet(v reflect.Value) string {
	for i := 0; i < v.NumField(); i++ {
		if name, _ := optionName(v.Type().Field(i)); name != "" && !v.Field(i).IsZero() {
			return name
		}
	}
	return ""
}
