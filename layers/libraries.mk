# What the Makefiles of the layers share: libraries for Lambda, installed on any machine without Docker. `sam build` runs
# each Makefile where it stands, in a copy of its folder.
#
#   ARCHITECTURE   arm64 (default) or x86_64, as the template's parameter
#   PYTHON         a CPython 3.13, by default the project's; Lambda reads the bytecode of its own version only

ARCHITECTURE ?= arm64
IS_3_13 := -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))'
VENV := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))../.venv
PYTHON ?= $(shell for python in $(VENV)/bin/python python3.13 python3 python; do \
	$$python $(IS_3_13) 2> /dev/null && echo $$python && break; done)

MACHINE := $(patsubst arm64,aarch64,$(ARCHITECTURE))
SITE := $(ARTIFACTS_DIR)/python

define INSTALL_LIBRARIES
	@$(or $(PYTHON),false) $(IS_3_13) || \
		{ echo "The layer needs Python 3.13: PYTHON=/path/to/python3.13 sam build" >&2; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile \
		--require-hashes --requirement requirements.lock \
		--target "$(SITE)" --only-binary=:all: --implementation cp --python-version 3.13 \
		--platform manylinux_2_34_$(MACHINE) --platform manylinux_2_28_$(MACHINE) \
		--platform manylinux_2_17_$(MACHINE) --platform manylinux2014_$(MACHINE)
endef

# Of what describes the libraries, their names and licences stay.
define BUILD_LIBRARIES
	$(INSTALL_LIBRARIES)
	find "$(SITE)" -path '*.dist-info/*' -type f ! -name METADATA ! -name 'LICENSE*' -delete
	find "$(SITE)" -type d -empty -delete
endef
