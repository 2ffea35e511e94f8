package caddymodule

// Collectors are all metrics, for tests of what names them.
var Collectors = collectors
