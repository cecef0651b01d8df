/**
 * Docker's plugin on a Unix socket: its name is the driver's. The socket is there before the switch is, so that Docker, which waits
 * for a plugin that it cannot reach, finds it whatever starts first; what it asks for meanwhile waits.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname } from 'node:path';
import { getRequestListener } from '@hono/node-server';
import { claimSocket, listenPrivately, socketError } from '../api/claim-socket.ts';
import type { Log } from '../control/log.ts';
import type { NetworksControl } from '../networks/model.ts';
import { ForwardRules } from './forward-rules.ts';
import { ADDRESS_SPACES, IPAM_CAPABILITIES, ipamDriver } from './ipam-driver.ts';
import { NETWORK_CAPABILITIES, networkDriver } from './network-driver.ts';
import { createProtocol, type Handlers } from './protocol.ts';

/** As Docker makes them. */
const RUN_MODE = 0o711;
const PLUGINS_MODE = 0o700;

const FIXED = {
  'Plugin.Activate': { Implements: ['NetworkDriver', 'IpamDriver'] },
  'NetworkDriver.GetCapabilities': NETWORK_CAPABILITIES,
  'NetworkDriver.DiscoverNew': {},
  'NetworkDriver.DiscoverDelete': {},
  'IpamDriver.GetCapabilities': IPAM_CAPABILITIES,
  'IpamDriver.GetDefaultAddressSpaces': ADDRESS_SPACES,
};

export interface DockerPlugin {
  /** From now on what Docker asks for is done; also what it has asked for already. */
  begin(networks: NetworksControl): Promise<void>;
  close(): Promise<void>;
}

/** @throws TswitchError BAD_REQUEST, NOT_PERMITTED where the socket cannot be there, or is another daemon's */
export async function openDockerPlugin(socket: string, log: Log): Promise<DockerPlugin> {
  makeFolder(dirname(dirname(socket)), RUN_MODE);
  makeFolder(dirname(socket), PLUGINS_MODE);
  await claimSocket(socket);
  const { promise: handlers, resolve: ready } = Promise.withResolvers<Handlers>();
  const forwardRules = new ForwardRules(log);
  const app = createProtocol({ fixed: FIXED, handlers, log });
  const listener = getRequestListener(app.fetch);
  // Docker keeps its connection for as long as it runs.
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    // Docker names the socket's path there, which is no host.
    request.headers.host = 'localhost';
    void listener(request, response);
  });
  try {
    await listenPrivately(server, socket);
  } catch (error) {
    throw socketError(socket, error);
  }
  return {
    async begin({ handovers, pools }) {
      if (handovers.networks().some(({ endpoints }) => endpoints.length > 0)) await forwardRules.ensure();
      const network = networkDriver({ handovers, forwardRules, log });
      ready({ ...named('NetworkDriver', network), ...named('IpamDriver', ipamDriver(pools)) });
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function named(name: string, handlers: Handlers): Handlers {
  return Object.fromEntries(Object.entries(handlers).map(([method, handle]) => [`${name}.${method}`, handle]));
}

/** What cannot be made, claimSocket has words for. */
function makeFolder(folder: string, mode: number): void {
  try {
    mkdirSync(folder, mode);
    // Whatever the umask is.
    chmodSync(folder, mode);
  } catch {
    // Most often it is there.
  }
}
