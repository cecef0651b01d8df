/**
 * A lab: network namespaces, processes in them and switches between them, all on the real kernel. `close` removes whatever
 * a test made, in reverse order, whether the test passed or not; what a killed test run left is removed by the next lab.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { O_CLOEXEC, O_RDONLY } from '../../native-bindings/abi/fcntl.ts';
import { IFF_LOWER_UP, IFF_RUNNING } from '../../native-bindings/abi/ioctl.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';
import type { PortKind, PortRequest, PortView, SwitchControl } from '../../src/control/model.ts';
import { readNetdev } from '../../src/control/plumbing/netdev.ts';
import { inNetns } from '../../src/control/plumbing/netns.ts';
import { createSwitch } from '../../src/control/switch.ts';
import { Agent, stop } from './agents.ts';
import { payloadDigest } from './payload.ts';
import { Wire } from './wire.ts';

const PREFIX = 'tswt-';
const TCP_BYTES = process.env['TSWITCH_LONG'] === '1' ? 8_000_000 : 3_000_000;
const run = promisify(execFile);

/** Runs a program and gives what it printed; rejects, with what it printed on stderr, if it fails. */
export async function runProgram(program: string, args: string[]): Promise<string> {
  return (await run(program, args)).stdout;
}

/** Runs `ip` in the namespace of the tests, which is that of the switch. */
export function ip(...args: string[]): Promise<string> {
  return runProgram('ip', args);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Many times what anything takes: a machine that is shared may stand still for seconds. */
export const PATIENCE_MS = 30_000;
/** Neighbours are asked for so often, a second apart, before they are given up; the kernel's default is 3. */
const SOLICITATIONS = '30';
const SOLICIT = `for file in /proc/sys/net/ipv[46]/neigh/*/[mu]cast_solicit; do echo ${SOLICITATIONS} >$file; done`;

/** Waits until `condition` holds; what it waits for is named in the error after PATIENCE_MS. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await sleep(5);
  }
}

export class Lab {
  readonly #undo: (() => unknown)[] = [];
  #netdevs = 0;

  /** Calls `undo` when the lab closes, before what was made earlier is removed. */
  defer(undo: () => unknown): void {
    this.#undo.push(undo);
  }

  /** For afterEach or afterAll. */
  async close(): Promise<void> {
    const errors: unknown[] = [];
    for (let undo = this.#undo.pop(); undo; undo = this.#undo.pop()) {
      try {
        await undo();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'the lab could not be cleaned up');
  }

  async switch(options: { workers: number } = { workers: 1 }): Promise<SwitchControl> {
    const made = await createSwitch(options);
    this.defer(() => made.close());
    return made;
  }

  /** A namespace. @param options.ipv6 false keeps the kernel there from sending anything by itself */
  async netns(label: string, options: { ipv6?: boolean } = {}): Promise<Host> {
    await removeDeadLabs();
    const name = `${PREFIX}${process.pid}-${label}`;
    await ip('netns', 'add', name);
    this.defer(() => existsSync(`/run/netns/${name}`) && ip('netns', 'del', name));
    // A daemon that was killed leaves them there.
    this.defer(() => rmSync(`/etc/netns/${name}`, { recursive: true, force: true }));
    const host = new Host(this, name);
    this.defer(() => host.release());
    await host.run('ip', 'link', 'set', 'lo', 'up');
    if (options.ipv6 === false) {
      host.inside(() => {
        for (const scope of ['all', 'default']) writeFileSync(`/proc/sys/net/ipv6/conf/${scope}/disable_ipv6`, '1');
      });
    }
    return host;
  }

  /** A name for a netdev that the test makes. */
  netdevName(): string {
    return `tswt${process.pid.toString(36)}-${this.#netdevs++}`;
  }

  /** A pair with both ends in the namespace of the tests, up. */
  async vethPair(mtu = 1500): Promise<[string, string]> {
    const [a, b] = [this.netdevName(), this.netdevName()];
    await ip('link', 'add', a, 'mtu', String(mtu), 'type', 'veth', 'peer', 'name', b, 'mtu', String(mtu));
    this.defer(() => deleteNetdev(a));
    await ip('link', 'set', a, 'up');
    await ip('link', 'set', b, 'up');
    return [a, b];
  }

  /**
   * Plugs the host's `eth0` in, as a port with the host's name. For kind `packet`, the lab makes a pair itself, as a user
   * would.
   */
  async plug(
    into: SwitchControl,
    host: Host,
    kind: PortKind,
    request: Omit<PortRequest, 'name' | 'kind' | 'netns'> = {},
  ): Promise<PortView> {
    if (kind !== 'packet') {
      const port = await into.addPort({ ...request, name: host.name, kind, netns: host.name });
      host.solicitPatiently();
      await host.connected();
      return port;
    }
    const { addresses = [], mtu = 1500, mac, ...settings } = request;
    const netdev = this.netdevName();
    const far = ['name', 'eth0', 'netns', host.name, 'mtu', String(mtu), ...(mac ? ['address', mac] : [])];
    await ip('link', 'add', netdev, 'mtu', String(mtu), 'type', 'veth', 'peer', ...far);
    this.defer(() => deleteNetdev(netdev));
    for (const address of addresses) {
      await host.run('ip', 'address', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
    }
    await host.run('ip', 'link', 'set', 'eth0', 'up');
    host.solicitPatiently();
    await ip('link', 'set', netdev, 'up');
    await host.connected();
    return into.addPort({ ...settings, name: host.name, kind, netdev });
  }
}

/** A namespace of a lab. */
export class Host {
  readonly name: string;
  readonly #lab: Lab;
  /** Of the namespace; -1: released. */
  #fd: number;
  #agent: Promise<Agent> | null = null;

  constructor(lab: Lab, name: string) {
    this.#lab = lab;
    this.name = name;
    this.#fd = check('open', sys.open(this.path, O_RDONLY | O_CLOEXEC));
  }

  get path(): string {
    return `/run/netns/${this.name}`;
  }

  run(program: string, ...args: string[]): Promise<string> {
    return runProgram('nsenter', [`--net=${this.path}`, program, ...args]);
  }

  /** Starts a program, which ends with the lab at the latest. */
  start(program: string, ...args: string[]): ChildProcess {
    const child = spawn('nsenter', [`--net=${this.path}`, program, ...args]);
    this.#lab.defer(() => stop(child));
    return child;
  }

  /**
   * Whether each of three pings is answered, once and however late. Sent at once: `ping` waits for answers as long as the
   * interval, but no longer than for the last one. @param args for ping, such as `-s` and a size
   */
  async pings(address: string, ...args: string[]): Promise<boolean> {
    const report = await this.#ping(address, '-l', '3', '-i', '20', '-W', '20', ...args);
    return report.includes(' 3 received, 0% packet loss');
  }

  /** Whether none of three pings is answered. */
  async pingsInVain(address: string): Promise<boolean> {
    return (await this.#ping(address, '-l', '3', '-i', '1', '-W', '1')).includes(' 0 received,');
  }

  /** What `ping` prints, whatever it finds. Neighbours are asked for patiently. */
  #ping(address: string, ...args: string[]): Promise<string> {
    const script = `${SOLICIT}; exec ping "$@"`;
    return this.run('sh', '-c', script, 'sh', '-c', '3', ...args, address).catch(
      ({ stdout }: { stdout: string }) => stdout,
    );
  }

  /** No longer keeps the namespace alive; `inside` and `wire` cannot be used any more. */
  release(): void {
    if (this.#fd >= 0) sys.close(this.#fd);
    this.#fd = -1;
  }

  /** Calls a synchronous function with the namespace entered. */
  inside<T>(action: () => T): T {
    return inNetns({ fd: this.#fd }, action);
  }

  /** Waits until `eth0` sends: a little after the other end came up; before that the kernel drops what it is given. */
  async connected(): Promise<void> {
    const wanted = IFF_LOWER_UP | IFF_RUNNING;
    const flags = (): number => readNetdev({ fd: this.#fd }, 'eth0')?.flags ?? 0;
    await until(`eth0 of ${this.name} to send`, () => (flags() & wanted) === wanted);
  }

  /** Has the kernel there ask for the neighbours on `eth0` as often as SOLICITATIONS says. */
  solicitPatiently(): void {
    this.inside(() => {
      for (const family of ['ipv4', 'ipv6']) {
        for (const cast of ['mcast', 'ucast']) {
          const file = `/proc/sys/net/${family}/neigh/eth0/${cast}_solicit`;
          // With an MTU below 1280 there is no IPv6.
          if (existsSync(file)) writeFileSync(file, SOLICITATIONS);
        }
      }
    });
  }

  /** A packet socket on one of the namespace's netdevs. */
  wire(netdev = 'eth0'): Wire {
    const wire = this.inside(() => Wire.open(netdev));
    this.#lab.defer(() => wire.close());
    return wire;
  }

  /** The process in the namespace that has TCP and UDP sockets; started at first use. */
  agent(): Promise<Agent> {
    this.#agent ??= Agent.start(this.path).then((agent) => {
      this.#lab.defer(() => stop(agent.child));
      return agent;
    });
    return this.#agent;
  }
}

/** Removes the namespaces of test runs that are gone. */
async function removeDeadLabs(): Promise<void> {
  const names = existsSync('/run/netns') ? readdirSync('/run/netns') : [];
  for (const name of names) {
    const pid = name.startsWith(PREFIX) ? name.slice(PREFIX.length).split('-')[0] : undefined;
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    await ip('netns', 'del', name).catch((error: unknown) => {
      // Another test run may have been quicker.
      if (existsSync(`/run/netns/${name}`)) throw error;
    });
  }
}

async function deleteNetdev(name: string): Promise<void> {
  if (netdevExists(name)) await ip('link', 'del', name);
}

/** In the namespace of the tests. */
export function netdevExists(name: string): boolean {
  return readNetdev(null, name) !== null;
}

/** Frames that the namespace of the tests handed to a netdev of its own, and those of them that were dropped there. */
export function netdevSent(name: string): { frames: number; dropped: number } {
  const lines = readFileSync('/proc/thread-self/net/dev', 'utf8').split('\n');
  const line = lines.find((each) => each.trimStart().startsWith(`${name}:`));
  if (line === undefined) throw new Error(`no netdev ${name}`);
  // Eight columns of what was received come first: bytes, packets, errs, drop, and so on for what was sent.
  const [, frames, , dropped] = line
    .slice(line.indexOf(':') + 1)
    .trim()
    .split(/\s+/)
    .slice(8)
    .map(Number);
  return { frames: frames!, dropped: dropped! };
}

/** Sends payload over TCP in both directions at once, and expects every byte of it to arrive, in order. */
export async function expectTcp(from: Host, to: Host, address: string, bytes = TCP_BYTES): Promise<void> {
  const [client, server] = await Promise.all([from.agent(), to.agent()]);
  const port = await server.call('tcpListen', { address, bytes, seed: to.name });
  const received = await client.call('tcpConnect', { address, port, bytes, seed: from.name });
  expect(received).toEqual({ bytes, digest: payloadDigest(to.name, bytes) });
  expect(await server.call('tcpOutcome', port)).toEqual({ bytes, digest: payloadDigest(from.name, bytes) });
}

/** Sends datagrams of many lengths, fragmented ones too, and expects each to come back as it was. */
export async function expectUdp(from: Host, to: Host, address: string): Promise<void> {
  const [client, server] = await Promise.all([from.agent(), to.agent()]);
  const lengths = Array.from({ length: 100 }, (_, k) => 1 + ((k * 173) % 1452)).concat(3000, 9000, 20_000);
  const port = await server.call('udpEcho', address);
  expect(await client.call('udpExchange', { address, port, lengths })).toBe(lengths.length);
}

/** Waits until the switch is at rest, and expects its counters to add up (the counting rules). */
export async function expectBalance(of: SwitchControl): Promise<void> {
  const sums = (): Record<string, number> => {
    const { rx, forwarded, flooded, floodCopies, dropped, tx, txDropped } = of.stats().totals;
    return { taken: rx - forwarded - flooded - dropped, copies: forwarded + floodCopies - tx - txDropped };
  };
  await expect.poll(sums, { timeout: PATIENCE_MS, interval: 20 }).toEqual({ taken: 0, copies: 0 });
}
