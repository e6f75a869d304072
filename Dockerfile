# Image of Privet: gunicorn on port 8000, not as root, writes only to /data and /tmp. Settings come from the
# environment. bin/fresh-debian builds the image with buildah, checks its size and runs it.
FROM python:3.13.14-slim-trixie AS base
RUN apt-get update && \
    apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 && \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/* /var/cache/debconf/*-old /var/log/*
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin privet && \
    install -d -o privet -g privet -m 700 /data

FROM base AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements.lock .
# docopt is the only package without a wheel. Of botocore's service descriptions we need only s3.
RUN /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --no-binary docopt --requirement requirements.lock && \
    /venv/bin/pip uninstall --yes --quiet pip && \
    find /venv/lib/python3*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d ! -name s3 -exec rm -r {} +
COPY . .
RUN /venv/bin/python manage.py collectstatic --noinput --verbosity 0

FROM base
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PRIVET_DATA_DIR=/data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ARG APP_VERSION=dev
ENV APP_VERSION=$APP_VERSION
USER privet
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "deploy/healthy.py"]
CMD ["gunicorn"]
