# docker build -t vitrine .                        for a CPU: the last target, and so the one that is built
# docker build -t vitrine:gpu --target gpu .       for NVIDIA GPUs
#
# BASE         an image with Python 3.11 or later, its venv, and useradd; it needs no compiler
# TORCH_INDEX  the package index that the cpu target takes PyTorch from; set to nothing, it is pip's own index
ARG BASE=python:3.11-slim

FROM ${BASE} AS venv
RUN python3 -m venv /opt/vitrine
WORKDIR /build

# What Vitrine needs is a layer of its own, which a change of its code leaves as it is: here Vitrine is installed
# without any code.
FROM venv AS cpu-needs
# On pip's own index is the build for CUDA, several gigabytes that a CPU has no use for.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY pyproject.toml .
RUN touch README.md \
    && /opt/vitrine/bin/pip install --no-cache-dir --disable-pip-version-check \
       ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} '.[cpu,onnx]'

# PyTorch brings CUDA 13 and FAISS CUDA 12, as packages in folders of their own: the host adds its driver alone.
FROM venv AS gpu-needs
COPY pyproject.toml .
RUN touch README.md \
    && /opt/vitrine/bin/pip install --no-cache-dir --disable-pip-version-check '.[gpu]'

FROM venv AS code
COPY pyproject.toml README.md ./
COPY models models
COPY indexer indexer
COPY app app
RUN /opt/vitrine/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --root /code .

FROM ${BASE} AS runtime
# What a library keeps in its user's home is kept in the volume too.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/vitrine vitrine \
    && install -d -o vitrine -g vitrine /var/lib/vitrine \
    && install -d /data
ENV PATH=/opt/vitrine/bin:$PATH \
    VITRINE_HOME=/var/lib/vitrine \
    VITRINE_DATA=/data \
    HF_HOME=/var/lib/vitrine/huggingface
# By number: an orchestrator can tell from it that this is not root.
USER 10001:10001
WORKDIR /var/lib/vitrine
VOLUME /var/lib/vitrine
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python3", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
ENTRYPOINT ["vitrine"]
CMD ["serve", "--host", "0.0.0.0"]

FROM runtime AS gpu
COPY --from=gpu-needs /opt/vitrine /opt/vitrine
COPY --from=code /code /

FROM runtime AS cpu
COPY --from=cpu-needs /opt/vitrine /opt/vitrine
COPY --from=code /code /
