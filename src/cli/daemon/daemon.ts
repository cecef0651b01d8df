/** The life of the daemon: start, readiness, reloads, end. */
import { flushCompileCache } from 'node:module';
import type { Log, LogFormat, LogLevel } from '../../control/log.ts';
import type { SwitchControl } from '../../control/model.ts';
import type { ServiceManager } from '../../control/service-manager.ts';
import type { NetworkStore } from '../../networks/model.ts';
import type { Networks } from '../../networks/networks.ts';
import type { DockerPlugin } from '../../docker/plugin.ts';
import { VERSION } from '../../version.ts';
import type { Cli } from '../cli.ts';
import { CliError } from '../errors.ts';
import type { ConfigAtStart } from './config-at-start.ts';
import { reload, type Reloadable } from './reload.ts';
import { Signals } from './signals.ts';
import { stateFile } from './state-file.ts';
import { reloadableTokens } from './token-reload.ts';

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
  allowLogicOverTcp?: boolean;
  /** Where the configuration is kept. */
  state?: string;
  /** What to begin with. */
  config?: string;
  /** Nothing is kept. */
  ephemeral?: boolean;
  /** Path of the socket on which Docker finds its driver. */
  docker?: string;
}

/** Until a signal ends it. */
export async function runDaemon(cli: Cli, options: DaemonOptions): Promise<void> {
  // Before all else, as it starts the program anew: no signal is caught yet, and nothing is made.
  const { dropPrivileges } = await load(() => import('../../control/plumbing/drop-privileges.ts'));
  dropPrivileges();
  const signals = new Signals();
  const core = await load(importCore);
  core.assertPrivileges();
  // Whoever read the log may have left; that is no reason to end.
  process.stderr.on('error', () => {});
  const log = core.createLog({ level: options.logLevel, format: options.logFormat });
  const manager = core.ServiceManager.fromEnvironment(process.env, log);
  const started = await startSwitch(cli, options, core, { log, manager });
  const { control, file, docker } = started;
  try {
    const { tokens, api, networks } = await startApi(cli, options, started, log);
    await docker?.begin(networks);
    const places = `${cli.socket}${api.url === null ? '' : ` and ${api.url}`}`;
    const ready = (): void => manager.ready(`Listening on ${places}`);
    const parts: Reloadable[] = tokens === null ? [] : [reloadableTokens(tokens)];
    if (file) parts.push((await load(importConfig)).reloadableConfig(file.path, file.read, networks.config, log));
    cli.print(`tswitch ${VERSION} listening on ${places}`);
    ready();
    // A daemon that is killed has no other time for it, and the next one is to start fast.
    flushCompileCache();
    manager.keepAlive(() => control.problems());
    signals.onReload(async () => {
      manager.reloading();
      await reload(parts, log);
      ready();
    });
    log.info('stopping', { signal: await signals.end });
    manager.stopping();
    await docker?.close();
    await api.close();
    await networks.close();
  } finally {
    await docker?.close();
    await control.close();
    manager.close();
    core.endForSure(log);
  }
}

interface Started {
  control: SwitchControl;
  /** Of networks. */
  store: NetworkStore;
  /** The configuration that it began with. */
  file: { path: string; read: ConfigAtStart } | null;
  /** What Docker can ask already. */
  docker: DockerPlugin | null;
}

async function startSwitch(
  cli: Cli,
  { workers, state, config, ephemeral, docker: socket }: DaemonOptions,
  { claimSocket, createSwitch, Store, NetworkFiles, memoryStore, ownedPorts }: Awaited<ReturnType<typeof importCore>>,
  { log, manager }: { log: Log; manager: ServiceManager },
): Promise<Started> {
  const read = config === undefined ? null : await (await load(importConfig)).readConfigAtStart(config);
  await claimSocket(cli.socket);
  const docker = socket === undefined ? null : await (await load(importDocker)).openDockerPlugin(socket, log);
  const path = state ?? stateFile(cli.socket, process.env.STATE_DIRECTORY);
  try {
    const store = ephemeral ? null : Store.open(path, { log });
    const networks = store ? NetworkFiles.open(`${store.path}.networks`, log) : memoryStore();
    const control = await createSwitch({
      workers,
      log,
      store,
      holder: manager,
      document: read?.document ?? null,
      owned: networks.kept ? ownedPorts(networks.kept) : [],
      notices: networks.notices,
    });
    return { control, store: networks, file: config !== undefined && read ? { path: config, read } : null, docker };
  } catch (error) {
    await docker?.close();
    throw read ? read.explain(error) : error;
  }
}

async function startApi(cli: Cli, options: DaemonOptions, { control, store, file }: Started, log: Log) {
  const { group = null, listen, tokenFile, auth, allowHost = [], allowLogicOverTcp: allowLogic = false } = options;
  const { serveApi, TokenStore, Networks } = await load(importServer);
  const tokens = tokenFile === undefined ? null : new TokenStore(tokenFile);
  const tcp = listen === undefined ? null : { listen, tokens: auth ? tokens : null, allowHosts: allowHost, allowLogic };
  const networks = await Networks.start({ control, store, log });
  try {
    if (file) await applyNetworks(networks, file.read);
    return {
      tokens,
      networks,
      api: await serveApi(control, { socket: cli.socket, group, tokens, tcp, log, networks }),
    };
  } catch (error) {
    await networks.close();
    throw error;
  }
}

/** With networks the document wins over what was kept, too, but members stay: it is refused if it leaves them no network. */
async function applyNetworks({ config }: Networks, { document, explain }: ConfigAtStart): Promise<void> {
  try {
    if (document.networks) await config.applyNetworks(document.networks);
  } catch (error) {
    throw explain(error);
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

/** What forwards frames: loaded first, so that a daemon that comes back forwards as soon as it can. */
async function importCore() {
  const [capabilities, socket, control, store, networks, document, owned, log, manager, end] = await Promise.all([
    import('../../control/plumbing/capabilities.ts'),
    import('../../api/claim-socket.ts'),
    import('../../control/switch.ts'),
    import('../../control/store/store.ts'),
    import('../../networks/file-store.ts'),
    import('../../networks/document.ts'),
    import('../../networks/owned-ports.ts'),
    import('../../control/log.ts'),
    import('../../control/service-manager.ts'),
    import('../../control/plumbing/end-for-sure.ts'),
  ]);
  return {
    ...capabilities,
    ...socket,
    ...control,
    ...store,
    ...networks,
    ...document,
    ...owned,
    ...log,
    ...manager,
    ...end,
  };
}

/** What answers requests. */
async function importServer() {
  const [server, tokens, networks] = await Promise.all([
    import('../../api/server.ts'),
    import('../../api/tokens.ts'),
    import('../../networks/networks.ts'),
  ]);
  return { ...server, ...tokens, ...networks };
}

function importDocker() {
  return import('../../docker/plugin.ts');
}

async function importConfig() {
  const [atStart, later] = await Promise.all([import('./config-at-start.ts'), import('./config-reload.ts')]);
  return { ...atStart, ...later };
}
