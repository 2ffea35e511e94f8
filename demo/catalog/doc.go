// Package catalog holds this repository to what Traefik's Plugin Catalog checks
// before it lists a plugin. It consists of tests.
package catalog
