/** The life of the daemon: start, readiness, reloads, end. */
import type { LogFormat, LogLevel } from '../../control/log.ts';
import { VERSION } from '../../version.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../errors.ts';
import { reload, type Reloadable } from './reload.ts';
import { Signals } from './signals.ts';

export interface DaemonOptions {
  workers: number;
  logLevel: LogLevel;
  logFormat: LogFormat;
  group?: string;
  listen?: string;
  tokenFile?: string;
  /** False: TCP clients need no token. */
  auth: boolean;
  allowHost?: string[];
}

/** Until a signal ends it. */
export async function runDaemon(cli: Cli, options: DaemonOptions): Promise<void> {
  // Before all else, as it starts the program anew: no signal is caught yet, and nothing is made.
  const { dropPrivileges } = await load(() => import('../../control/plumbing/drop-privileges.ts'));
  dropPrivileges();
  const signals = new Signals();
  const server = await load(importServer);
  server.assertPrivileges();
  const { workers, logLevel, logFormat, group = null, listen, tokenFile, auth, allowHost = [] } = options;
  // Whoever read the log may have left; that is no reason to end.
  process.stderr.on('error', () => {});
  const log = server.createLog({ level: logLevel, format: logFormat });
  const manager = server.ServiceManager.fromEnvironment(process.env, log);
  const tokens = tokenFile === undefined ? null : new server.TokenStore(tokenFile);
  const tcp = listen === undefined ? null : { listen, tokens: auth ? tokens : null, allowHosts: allowHost };
  await server.claimSocket(cli.socket);
  const control = await server.createSwitch({ workers, log });
  try {
    const api = await server.serveApi(control, { socket: cli.socket, group, tokens, tcp, log });
    const places = `${cli.socket}${api.url === null ? '' : ` and ${api.url}`}`;
    const ready = (): void => manager.ready(`Listening on ${places}`);
    const parts: Reloadable[] = tokens === null ? [] : [{ name: 'tokens', reload: () => tokens.reload() }];
    cli.print(`tswitch ${VERSION} listening on ${places}`);
    ready();
    manager.keepAlive(() => control.problems());
    signals.onReload(async () => {
      manager.reloading();
      await reload(parts, log);
      ready();
    });
    log.info('stopping', { signal: await signals.end });
    manager.stopping();
    await api.close();
  } finally {
    await control.close();
    manager.close();
  }
}

/** Loading binds the FFI library, which may be missing or misnamed: that is for the user to mend, and one line says it. */
async function load<T>(importer: () => Promise<T>): Promise<T> {
  try {
    return await importer();
  } catch (error) {
    throw new CliError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

async function importServer() {
  const [capabilities, server, control, tokens, log, manager] = await Promise.all([
    import('../../control/plumbing/capabilities.ts'),
    import('../../api/server.ts'),
    import('../../control/switch.ts'),
    import('../../api/tokens.ts'),
    import('../../control/log.ts'),
    import('../../control/service-manager.ts'),
  ]);
  return { ...capabilities, ...server, ...control, ...tokens, ...log, ...manager };
}
