# docker build -t mailrunner .      How to run it: docs/machines.md
FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/mailrunner
WORKDIR /source
# The core by the lock file, so that this layer is built again only when that changes.
COPY requirements.lock ./
RUN /opt/mailrunner/bin/pip install --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY mailrunner ./mailrunner
ARG EXTRAS=postgresql,web,workers,http,oauth,dkim
RUN /opt/mailrunner/bin/pip install ".[${EXTRAS}]"

FROM python:3.13-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin mailrunner \
 && install -d -o mailrunner -g mailrunner /project
COPY --from=build /opt/mailrunner /opt/mailrunner
# What is written outside of /project goes to /tmp: the root may be read-only.
ENV PATH=/opt/mailrunner/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /project
# Healthy: the ledger answers. `serve` has its own, GET /health.
HEALTHCHECK --interval=60s --timeout=20s --start-period=30s CMD ["mailrunner", "quota", "--json"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["mailrunner"]
CMD ["--help"]
