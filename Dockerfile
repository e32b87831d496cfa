# One image for the gateway and the three services; the command chooses: python -m bff (the default),
# python -m services.users, python -m services.orders, python -m services.products; python -m deploy.targets for Prometheus,
# python -m deploy.demo for --demo.
ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore
COPY requirements/runtime.lock /build/
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --require-hashes --only-binary :all: -r /build/runtime.lock
WORKDIR /app
COPY shared shared
COPY bff bff
COPY services services
COPY deploy/__init__.py deploy/targets.py deploy/
COPY deploy/demo deploy/demo
COPY deploy/docker/ready.sh /opt/ready.sh
# Readable by whoever runs it, whatever umask the checkout was made with.
RUN chmod -R u=rwX,go=rX /app /opt/ready.sh \
    && python -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="profile-gateway" \
      org.opencontainers.image.description="A Backend for Frontend gateway and its three sample services" \
      org.opencontainers.image.licenses="MIT"
# The base image comes without the standard library's bytecode, and a read-only root could never keep it.
RUN python -m compileall -q -x '/(site-packages|ensurepip|idlelib|lib2to3|pydoc_data|tkinter|turtledemo|test)/' \
        /usr/local/lib/python3.* \
    && groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin app \
    && install -d -o app -g app /app/.data /targets
COPY --from=build /venv /venv
COPY --from=build /opt/ready.sh /opt/ready.sh
COPY --from=build /app /app
# Names are looked up in half of libuv's threads, by default two: too few when one name waits for an answer.
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0
WORKDIR /app
USER 10001:10001
STOPSIGNAL SIGTERM
CMD ["python", "-m", "bff"]
