FROM caddy:2.11-builder AS build
ARG GOPROXY
COPY go.mod go.sum doc.go /src/
COPY core /src/core
COPY caddymodule /src/caddymodule
# The module has a version here, so that none is looked for online.
RUN xcaddy build v2.11.9 \
    --with github.com/weirproxy/weir@v0.0.0 \
    --with github.com/weirproxy/weir/caddymodule \
    --replace github.com/weirproxy/weir=/src

FROM caddy:2.11
COPY --from=build /usr/bin/caddy /usr/bin/caddy
