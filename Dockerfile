# syntax=docker/dockerfile:1
# The image: the bundle, the addon for its platform, and Node.js. Nothing else.
#   docker buildx build --platform linux/amd64,linux/arm64 -t heraldlb:0.1.0 .

FROM node:22-bookworm AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY controller controller
COPY speaker speaker
COPY docs/troubleshoot.md docs/troubleshoot.md
COPY test/setup/bundle.mjs test/setup/bundle.mjs
RUN node speaker/native/build.mjs \
 && npx tsc -p tsconfig.build.json \
 && node test/setup/bundle.mjs

FROM gcr.io/distroless/nodejs22-debian12
LABEL org.opencontainers.image.title="HeraldLB" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /build/dist/image /heraldlb
# The controller runs as this user; the speaker's manifest asks for root with three capabilities.
USER 65532:65532
ENTRYPOINT ["/nodejs/bin/node", "/heraldlb/heraldlb.mjs"]
