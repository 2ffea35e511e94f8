// Command site serves the demo's site alone, for proxies that run elsewhere.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/weirproxy/weir/demo/site"
)

func main() {
	listen := flag.String("listen", ":8000", "address to serve at")
	var proxies []site.Proxy
	flag.Func("proxy", "`name=URL` of a proxy that serves the site; may be given several times", func(text string) error {
		name, url, found := strings.Cut(text, "=")
		if !found {
			return errors.New("want name=URL, such as caddy=http://localhost:8081")
		}
		proxies = append(proxies, site.Proxy{Name: name, URL: strings.TrimSuffix(url, "/")})
		return nil
	})
	flag.Parse()

	server := &http.Server{Addr: *listen, Handler: site.Handler(proxies...), ReadHeaderTimeout: 5 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	log.Printf("site at %s", *listen)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}
