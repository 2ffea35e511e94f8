// Package site is the small web site that the demo puts behind the proxies: an
// API that says which proxy a request came through, and a page that calls it.
package site

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
)

// ProxyHeader is the request header by which a proxy names itself to the site.
const ProxyHeader = "X-Proxy"

//go:embed static
var static embed.FS

// Handler serves the API under /api/ and the page everywhere else.
func Handler() http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the name is a constant
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	mux.HandleFunc("GET /api/hello", hello)
	mux.Handle("/api/", http.NotFoundHandler())
	return mux
}

func hello(w http.ResponseWriter, r *http.Request) {
	proxy := r.Header.Get(ProxyHeader)
	if proxy == "" {
		proxy = "none"
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(struct {
		Message string `json:"message"`
		Proxy   string `json:"proxy"`
	}{"Hello!", proxy})
}
