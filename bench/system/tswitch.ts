/** tswitch as a user runs it: the daemon on a private socket, the hosts plugged in by the command line. */
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { programFile } from '../../src/program-file.ts';
import { callApi } from './api.ts';
import { Child } from './child.ts';
import { inNetns, onCore, run } from './command.ts';
import { connectByVeth, endOf, type Host, makeCrowd, makeSite, type Site } from './hosts.ts';
import { type Bench, type Layout, type Rig, type Subject, TRUNK_VLAN } from './subject.ts';

const PROGRAM = [process.execPath, programFile(import.meta.url, '../../src/cli/main')];
/** `packet`: tswitch is given the ends of veths; the others: it makes the hosts' interfaces. */
export type TswitchKind = 'veth' | 'tap' | 'packet' | 'xdp';

export interface TswitchRig extends Rig {
  readonly fill: (ports: number) => Promise<Host>;
}

/** A logic that is loaded before anything is measured; `params` of the hosts, and of the ports they are at. */
export interface LoadedLogic {
  /** Of examples/logics. */
  name: string;
  params: (hosts: readonly Host[], ports: readonly string[]) => object;
  isShadow: boolean;
}

/** tswitch with veth ports and a logic. */
export function tswitchWithLogic(logic: LoadedLogic): TswitchSubject {
  return new TswitchSubject('veth', 1, null, logic);
}

/** @param busyPollMicros null: the default */
export function tswitch(kind: TswitchKind, workers = 1, busyPollMicros: number | null = null): TswitchSubject {
  return new TswitchSubject(kind, workers, busyPollMicros);
}

export class TswitchSubject implements Subject {
  readonly name: string;
  readonly about: string;
  readonly help = null;
  readonly layouts: readonly Layout[] = ['pair', 'trio', 'quad', 'trunk'];
  readonly mayBeRefused: boolean;
  readonly kind: TswitchKind;
  readonly workers: number;
  readonly busyPollMicros: number | null;
  readonly logic: LoadedLogic | null;

  constructor(kind: TswitchKind, workers: number, busyPollMicros: number | null, logic: LoadedLogic | null = null) {
    const loaded = logic ? `-${logic.isShadow ? 'shadow' : 'logic'}-${logic.name}` : '';
    this.name = `tswitch-${kind}${workers === 1 ? '' : `-${workers}w`}${loaded}`;
    this.logic = logic;
    const settings = busyPollMicros === null ? 'default settings' : `busyPollMicros ${busyPollMicros}`;
    this.about = `tswitch with ${kind} ports and ${workers} ${workers === 1 ? 'worker' : 'workers'}, ${settings}${logic ? `, the logic ${logic.name} ${logic.isShadow ? 'in shadow' : 'loaded'}` : ''}`;
    this.mayBeRefused = kind === 'xdp';
    this.kind = kind;
    this.workers = workers;
    this.busyPollMicros = busyPollMicros;
  }

  missing(): null {
    return null;
  }

  async setUp(bench: Bench, stack: AsyncDisposableStack, layout: Layout): Promise<TswitchRig> {
    const site = await makeSite(bench, stack, layout);
    const { hosts, a, b, switchNetns } = site;
    const socket = join(await mkdtemp(join(bench.folder, 'tswitch-')), 'api.sock');
    const serve = ['serve', '--socket', socket, '--workers', String(this.workers), '--ephemeral'];
    const cores = this.workers === 1 ? bench.switchCore : bench.workerCores;
    const daemon = stack.use(Child.start(inNetns(switchNetns, onCore(cores, [...PROGRAM, ...serve]))));
    await daemon.printed(/listening on/, bench.signal);
    const command = (...args: string[]) => runCommand([...args, '--socket', socket], bench.signal);
    if (this.busyPollMicros !== null) {
      await command('switch', 'set', '--busy-poll-micros', String(this.busyPollMicros));
    }
    await this.#plugIn(site, layout, command);
    if (this.logic) await this.#load(this.logic, site, socket, bench.signal);
    const allowAddresses = async (addresses: number): Promise<void> => {
      await command('switch', 'set', '--fdb-limit', String(addresses));
    };
    const fill = makeFill(bench, stack, socket, hosts.length);
    return {
      layout,
      hosts,
      a,
      b,
      switchPids: [daemon.pid],
      fill,
      api: { socket, port: this.#portOf(b) },
      allowAddresses,
    };
  }

  async #load(
    { name, params, isShadow }: LoadedLogic,
    { hosts }: Site,
    socket: string,
    signal: AbortSignal,
  ): Promise<void> {
    const ports = hosts.map((host) => this.#portOf(host));
    const file = fileURLToPath(new URL(`../../examples/logics/${name}.ts`, import.meta.url));
    const body = { file, params: params(hosts, ports), shadow: isShadow };
    await callApi(socket, { method: 'POST', path: '/v1/logic', body }, signal);
  }

  #portOf(host: Host): string {
    return this.kind === 'packet' ? endOf(host) : host.netns;
  }

  async #plugIn(site: Site, layout: Layout, command: (...args: string[]) => Promise<string>): Promise<void> {
    const isPlugged = this.kind !== 'packet';
    if (!isPlugged) await connectByVeth(site);
    const plug = (host: Host): Promise<string> => {
      const vlan = vlanOf(layout, isPlugged, host === site.a);
      const addresses = ['--ip', `${host.address}/24`, '--mac', host.mac];
      if (isPlugged) return command('plug', host.netns, '--kind', this.kind, ...addresses, ...vlan);
      return command('port', 'add', this.#portOf(host), '--kind', this.kind, '--netdev', endOf(host), ...vlan);
    };
    await Promise.all(site.hosts.map(plug));
  }
}

async function runCommand(args: string[], signal: AbortSignal): Promise<string> {
  try {
    return await run([...PROGRAM, ...args], { signal });
  } catch (error) {
    signal.throwIfAborted();
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(message.replace(PROGRAM.join(' '), 'tswitch'), { cause: error });
  }
}

function vlanOf(layout: Layout, isPlugged: boolean, isTrunk: boolean): string[] {
  const vlan = String(TRUNK_VLAN);
  if (layout !== 'trunk') return [];
  if (!isTrunk) return ['--vlan', vlan];
  return isPlugged ? ['--trunk', vlan] : ['--mode', 'trunk', '--trunks', vlan];
}

/** Hundreds of ports: by the API, as a process for each would take minutes. They are veths, whatever the first ones are. */
function makeFill(bench: Bench, stack: AsyncDisposableStack, socket: string, plugged: number) {
  let crowd: Host | null = null;
  let next = plugged;
  return async (ports: number): Promise<Host> => {
    crowd ??= await makeCrowd(bench, stack);
    for (; next < ports; next++) {
      const port = { name: `crowd-${next}`, kind: 'veth', netns: crowd.netns, ifname: `eth${next}` };
      await callApi(socket, { method: 'POST', path: '/v1/ports', body: port }, bench.signal);
    }
    return crowd;
  };
}
