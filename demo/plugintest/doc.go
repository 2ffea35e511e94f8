// Package plugintest tests the Traefik plugin as a middleware, each time
// compiled and interpreted: both have to behave alike. It consists of tests.
package plugintest
