# The platform's image: every role of a cluster, and what the steps of pipelines and workers run in.
# `node tools/image.mjs` makes the same one without a Docker engine.
FROM node:20-bookworm-slim@sha256:2cf067cfed83d5ea958367df9f966191a942351a2df77d6f0193e162b5febfc0 AS node

FROM node AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN node tools/image.mjs --app /opt/slipway

FROM node
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git procps python3 python3-venv \
 && rm -rf /var/lib/apt/lists/* \
 && python3 -m venv /opt/uv \
 && /opt/uv/bin/pip install --no-cache-dir uv==0.13.9 \
 && ln -s /opt/uv/bin/uv /usr/local/bin/uv \
 && ln -s /usr/bin/python3 /usr/local/bin/python \
 && groupadd --gid 10001 slipway \
 && useradd --uid 10001 --gid 10001 --home-dir /tmp --no-create-home --shell /bin/sh slipway \
 && install -d -o slipway -g slipway /var/lib/slipway
COPY --from=build /opt/slipway /opt/slipway
RUN ln -s /opt/slipway/bin/slipway /usr/local/bin/slipway
# Who trusts an authority of their own mounts their list of them here, for every program at once.
ENV LANG=C.UTF-8 HOME=/tmp NODE_ENV=production \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
LABEL org.opencontainers.image.title="Slipway" org.opencontainers.image.licenses="Apache-2.0"
USER 10001:10001
WORKDIR /var/lib/slipway
ENTRYPOINT ["slipway"]
