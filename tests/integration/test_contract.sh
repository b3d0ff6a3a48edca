#!/usr/bin/env bash
# The adapters' requests and the documented answers against the providers' OpenAPI documents (tests/contract/contract.py). The
# documents are the providers' and not part of this tree: they are looked for beside it, or in OPENAPI.
set -u
: "${BUILD:?}"
documents=${OPENAPI:-../shared/providers/openapi}

if [ ! -d "$documents" ]; then
	echo "not run: no documents of the providers in $documents; OPENAPI names another place"
	exit 0
fi
for python in python3 /usr/bin/python3; do
	"$python" -c 'import jsonschema, yaml' 2>/dev/null && exec "$python" -B tests/contract/contract.py "$BUILD/contract/requests" "$documents"
done
echo "not ok contract: python3 has no jsonschema or no yaml; make deps installs both"
exit 1
