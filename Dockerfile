# syntax=docker/dockerfile:1
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /out/floorwalker ./cmd/floorwalker \
 && mkdir -p /out/data

# glibc is needed: the binary can load the embedded ClickHouse and is therefore linked dynamically, even without cgo.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/floorwalker /usr/local/bin/floorwalker
COPY --from=build --chown=65532:65532 /out/data /var/lib/floorwalker
USER 65532:65532
WORKDIR /var/lib/floorwalker
VOLUME /var/lib/floorwalker
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["floorwalker", "health", "--url", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["floorwalker"]
CMD ["serve", "--config", "/etc/floorwalker/floorwalker.yaml"]
