# docker build -t vitrine .        TORCH_INDEX: an extra package index for torch, such as PyTorch's own of CPU builds
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ARG TORCH_INDEX=
WORKDIR /build
COPY pyproject.toml README.md ./
COPY models models
COPY indexer indexer
COPY app app
RUN python3 -m venv /opt/vitrine \
    && /opt/vitrine/bin/pip install --no-cache-dir --disable-pip-version-check \
       ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} '.[cpu]'

FROM ${BASE}
RUN useradd --uid 10001 --create-home vitrine \
    && mkdir -p /var/lib/vitrine /data \
    && chown vitrine /var/lib/vitrine
COPY --from=build /opt/vitrine /opt/vitrine
# Reports are plotted with matplotlib, which keeps a cache.
ENV PATH=/opt/vitrine/bin:$PATH VITRINE_HOME=/var/lib/vitrine VITRINE_DATA=/data MPLCONFIGDIR=/tmp/matplotlib
USER vitrine
VOLUME /var/lib/vitrine
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
ENTRYPOINT ["vitrine"]
CMD ["serve", "--host", "0.0.0.0"]
