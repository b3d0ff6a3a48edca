#!/bin/sh
# The command given as a parameter. A script of one's own takes the place of this file.
if [ -z "${COMMAND:-}" ]; then
	echo "script: nothing to run: give a command with --set command='...' or name a script instead of this recipe" >&2
	exit 2
fi
exec sh -c "$COMMAND"
