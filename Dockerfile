# The program alone, for a Postgres of one's own or the embedded one: docker build -t monitoring-warehouse .
#   docker run --rm -v warehouse:/project -e PGHOST=... -e PGPASSWORD=... monitoring-warehouse run
FROM python:3.11-slim

RUN useradd --create-home --uid 10001 warehouse \
    && install --directory --owner=warehouse --group=warehouse /project
WORKDIR /build
COPY requirements/bootstrap.lock requirements/runtime.lock requirements/
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements/bootstrap.lock \
    && pip install --no-cache-dir --no-deps --require-hashes -r requirements/runtime.lock
COPY . .
RUN pip install --no-cache-dir --no-deps --no-index --no-build-isolation . \
    && rm -rf /build

# The folder one stands in is the project: its state, months, pages and its own monitoring.yml.
USER warehouse
WORKDIR /project
VOLUME /project
ENTRYPOINT ["monitoring-warehouse"]
CMD ["--help"]
