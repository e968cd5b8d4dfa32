# syntax=docker/dockerfile:1
# One image for every service: `docker build -t recoup .`, then `recoup serve all|bff|tracking|commission|evidence|claims|orders|notify`.

FROM rust:1.95-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends protobuf-compiler \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The image's own toolchain is the pinned one: rustup need not fetch components only developers use.
ENV RUSTUP_TOOLCHAIN=1.95.0 SQLX_OFFLINE=true
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin recoup \
 && cp target/release/recoup /usr/local/bin/recoup

FROM debian:bookworm-slim
# openssl makes Pulsar's keys for docker-compose.yml; curl is for the health check; poppler and Tesseract read documents.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl openssl poppler-utils \
      tesseract-ocr tesseract-ocr-deu tesseract-ocr-fra tesseract-ocr-ita tesseract-ocr-nld tesseract-ocr-spa \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin recoup \
 && install -d -o recoup -g recoup /var/lib/recoup/payouts /var/lib/recoup/objects
COPY --from=build /usr/local/bin/recoup /usr/local/bin/recoup
USER recoup
WORKDIR /var/lib/recoup
ENV BIND_ADDRESS=0.0.0.0 PAYOUT_DIR=/var/lib/recoup/payouts OBJECT_DIR=/var/lib/recoup/objects LOG_FORMAT=json
EXPOSE 8000 8001 8002 8003 8004 8005 8006
# For `serve all` and `serve bff`; the other services set their own port in HEALTH_PORT.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD curl -fsS -o /dev/null "http://127.0.0.1:${HEALTH_PORT:-8002}/health/ready" || exit 1
ENTRYPOINT ["recoup"]
CMD ["serve", "all"]
