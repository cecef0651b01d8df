/** What Docker is told of tswitch as a managed plugin (plugin config v1, docs.docker.com/engine/extend/config). */
import { CAPABILITIES } from '../../control/plumbing/capabilities.ts';

/** Where dockerd keeps containers' namespaces, and plugins' sockets, unless it is told otherwise. */
export const EXEC_ROOT_DEFAULT = '/run/docker';
/** The daemon's name in /run/docker/plugins, and its start, in the plugin's own root. */
export const SOCKET = 'tswitch.sock';
export const ENTRY = '/usr/lib/tswitch/src/docker/managed/entry.sh';

/** @param execRoot dockerd's --exec-root: an absolute path */
export function pluginConfig(execRoot: string): object {
  return {
    description: 'tswitch: a userspace Ethernet switch, as network and address (IPAM) driver',
    documentation: 'docs/howto/docker.md',
    entrypoint: ['/bin/sh', ENTRY],
    workdir: '/',
    interface: { types: ['docker.networkdriver/1.0', 'docker.ipamdriver/1.0'], socket: SOCKET },
    // The namespace that dockerd is in: interfaces are handed over there.
    network: { type: 'host' },
    // The other end of a cable is found by the processes that see it.
    pidhost: true,
    ipchost: false,
    linux: { capabilities: CAPABILITIES.map(({ name }) => name), allowAllDevices: false, devices: [] },
    mounts: [
      {
        name: 'docker',
        description: "dockerd's --exec-root, where namespaces of containers come and go",
        source: execRoot,
        destination: execRoot,
        type: 'bind',
        options: ['rbind', 'rslave'],
      },
    ],
    // A folder of Docker's, which stays while the plugin is disabled or upgraded, and goes with it.
    propagatedMount: '/var/lib/tswitch',
    env: [],
    args: { name: 'args', description: 'further options of `tswitch serve`', settable: ['value'], value: [] },
  };
}
