FROM golang:1.26 AS build
ARG GOPROXY
WORKDIR /src
COPY go.mod ./
COPY demo ./demo
WORKDIR /src/demo
RUN GOWORK=off CGO_ENABLED=0 go build -o /site ./cmd/site

FROM alpine:3.22
COPY --from=build /site /usr/local/bin/site
CMD ["site"]
