# Python 3.11 or 3.12 and make are all that must be there. Everything else goes into .venv/.
PYTHON := $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: demo test check bench s3-server deploy-schema cluster-parts cluster-demo lock clean

demo: .venv/ready ## the embedded Korean web, crawled and curated into out/demo/
	$(BIN)/harubang run workflows/demo.yaml --out out/demo

test: .venv/ready ## lint, types, import rules, tests
	$(MAKE) check
	$(BIN)/pytest -q -rs -n 2 --dist loadfile

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/ready ## measurements; each script prints a table
	for script in tests/bench/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

# kiwipiepy-model is data in a source archive, so it alone is not a wheel; no compiler is called.
.venv/ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or 3.12 is needed; install one of them"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes \
		--only-binary :all: --no-binary kiwipiepy-model -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# An S3 server for the tests of object storage; they are skipped where it is not there. Needs Go 1.25 or later.
s3-server: .tools/versitygw
.tools/versitygw:
	GOBIN=$(CURDIR)/.tools go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

# A cluster for this machine: Flink or Spark in an environment of its own, Beam's job servers by their Maven coordinates,
# the jars checked against a list in the checkout. Needs Java 11 or later, Maven and Go.
ENGINE := flink-1.20
PACKAGE_flink-1.19 := apache-flink-libraries==1.19.3
PACKAGE_flink-1.20 := apache-flink-libraries==1.20.3
PACKAGE_spark-3 := pyspark==3.5.9
cluster-parts: .tools/versitygw .tools/$(ENGINE)/ready .tools/beam/ready
.tools/$(ENGINE)/ready:
	$(PYTHON) -m venv .tools/$(ENGINE)
	.tools/$(ENGINE)/bin/python -m pip install -q --disable-pip-version-check --no-deps $(PACKAGE_$(ENGINE))
	touch $@
.tools/beam/ready: workflows/cluster/pom.xml workflows/cluster/jars.sha512
	rm -rf .tools/beam
	mvn -q -B -C -f workflows/cluster/pom.xml org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory=$(CURDIR)/.tools/beam
	cd .tools/beam && sha512sum --quiet -c $(CURDIR)/workflows/cluster/jars.sha512
	touch $@

# The schema of the Flink Kubernetes operator's resources, for the tests of workflows/deploy. Needs Maven.
deploy-schema: .tools/flink-operator-api.jar
.tools/flink-operator-api.jar:
	mkdir -p .tools
	mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
		-Dartifact=org.apache.flink:flink-kubernetes-operator-api:1.10.0 -DoutputDirectory=$(CURDIR)/.tools/operator
	mv .tools/operator/flink-kubernetes-operator-api-1.10.0.jar $@

cluster-demo: .venv/ready cluster-parts ## the demo on a real cluster and an S3 server of this machine
	$(BIN)/python -m workflows.cluster.demo --engine $(ENGINE)

lock: .venv/ready ## resolve requirements.lock anew from pyproject.toml (uv must be installed)
	uv pip compile -q --universal --python-version 3.11 pyproject.toml --extra test --extra img2dataset --extra s3 \
		--generate-hashes --no-annotate --no-header --no-emit-index-url -o requirements.lock

clean:
	rm -rf .venv out
