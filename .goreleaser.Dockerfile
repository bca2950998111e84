FROM gcr.io/distroless/static:nonroot
ARG TARGETPLATFORM
COPY $TARGETPLATFORM/meshplan /usr/bin/meshplan
USER nonroot:nonroot
ENTRYPOINT ["/usr/bin/meshplan"]
