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

// Proxy is a proxy that serves the site.
type Proxy struct {
	// Name is what the proxy says in ProxyHeader.
	Name string `json:"name"`

	// URL is where browsers reach it, without a slash at the end.
	URL string `json:"url"`
}

//go:embed static
var static embed.FS

// Handler serves the API under /api/ and the page everywhere else. The page
// offers to send its calls through any of the proxies.
func Handler(proxies ...Proxy) http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the name is a constant
	}
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(files))
	mux.HandleFunc("GET /proxies.json", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct {
			Here    string  `json:"here"`
			Proxies []Proxy `json:"proxies"`
		}{r.Header.Get(ProxyHeader), append([]Proxy{}, proxies...)})
	})
	mux.HandleFunc("GET /api/hello", hello)
	// One path for each algorithm, so that each can have a limit of its own.
	mux.HandleFunc("GET /api/try/{algorithm}", hello)
	mux.Handle("/api/", http.NotFoundHandler())
	return mux
}

func hello(w http.ResponseWriter, r *http.Request) {
	proxy := r.Header.Get(ProxyHeader)
	if proxy == "" {
		proxy = "none"
	}
	answer(w, struct {
		Message string `json:"message"`
		Proxy   string `json:"proxy"`
	}{"Hello!", proxy})
}

func answer(w http.ResponseWriter, content any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// The client may be gone; nothing is left to tell it.
	_ = json.NewEncoder(w).Encode(content)
}
