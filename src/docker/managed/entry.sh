#!/bin/sh
# What a managed plugin of Docker runs (docs/howto/docker.md). The container that it is in shows /proc/sys read-only, but a network's
# gateway needs forwarding, which is a setting there.
set -eu
mount -o remount,bind,rw /proc/sys
# Beside the plugin's own socket, the host sees that of the API: in /run/docker/plugins/ID.
exec node --disable-warning=ExperimentalWarning /usr/lib/tswitch/src/cli/main.ts serve \
  --docker /run/docker/plugins/tswitch.sock --socket /run/docker/plugins/api.sock --state /var/lib/tswitch/state.db "$@"
