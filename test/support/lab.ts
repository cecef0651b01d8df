/**
 * A lab: network namespaces, processes in them and switches between them, all on the real kernel. `close` removes whatever
 * a test made, in reverse order, whether the test passed or not; what a killed test run left is removed by the next lab.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { O_CLOEXEC, O_RDONLY } from '../../native-bindings/abi/fcntl.ts';
import { check, sys } from '../../native-bindings/syscalls.ts';
import type { PortKind, PortRequest, PortView, SwitchControl } from '../../src/control/model.ts';
import { inNetns } from '../../src/control/plumbing/netns.ts';
import { createSwitch } from '../../src/control/switch.ts';
import { Agent, stop } from './agents.ts';
import { payloadDigest } from './payload.ts';
import { Wire } from './wire.ts';

const PREFIX = 'tswt-';
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

/** Waits until `condition` holds; what it waits for is named in the error after ten seconds. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
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
    if (kind !== 'packet') return into.addPort({ ...request, name: host.name, kind, netns: host.name });
    const { addresses = [], mtu = 1500, mac, ...settings } = request;
    const netdev = this.netdevName();
    const far = ['name', 'eth0', 'netns', host.name, 'mtu', String(mtu), ...(mac ? ['address', mac] : [])];
    await ip('link', 'add', netdev, 'mtu', String(mtu), 'type', 'veth', 'peer', ...far);
    this.defer(() => deleteNetdev(netdev));
    for (const address of addresses) {
      await host.run('ip', 'address', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []));
    }
    await host.run('ip', 'link', 'set', 'eth0', 'up');
    await ip('link', 'set', netdev, 'up');
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

  /** Whether all of three pings are answered, also where the first ARP request is lost. @param args for ping, such as `-s` and a size */
  pings(address: string, ...args: string[]): Promise<boolean> {
    return this.run('ping', '-c', '3', '-i', '0.05', '-W', '3', ...args, address).then(
      (text) => text.includes(' 0% packet loss'),
      () => false,
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
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await ip('netns', 'del', name);
  }
}

async function deleteNetdev(name: string): Promise<void> {
  if (existsSync(`/sys/class/net/${name}`)) await ip('link', 'del', name);
}

/** Sends payload over TCP in both directions at once, and expects every byte of it to arrive, in order. */
export async function expectTcp(from: Host, to: Host, address: string, bytes = 8_000_000): Promise<void> {
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
  await expect.poll(sums, { timeout: 5000, interval: 20 }).toEqual({ taken: 0, copies: 0 });
}
