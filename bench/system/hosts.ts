/** The two hosts that talk through a subject, and the namespace it lives in: deleting the three removes all netdevs made. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from './child.ts';
import { inNetns, run } from './command.ts';
import type { Bench } from './subject.ts';

const MEET_TIMEOUT_MS = 10_000;
/**
 * Hosts send nothing on their own (no IPv6), forward nothing, and so drop in silence what is not theirs. A Linux bridge is
 * not to pass its frames through netfilter; -e skips what this kernel does not have.
 */
const QUIET = [
  'net.ipv6.conf.all.disable_ipv6=1',
  'net.ipv6.conf.default.disable_ipv6=1',
  'net.ipv4.ip_forward=0',
  'net.bridge.bridge-nf-call-iptables=0',
  'net.bridge.bridge-nf-call-ip6tables=0',
];

export interface Host {
  readonly netns: string;
  readonly ifname: string;
  readonly address: string;
  readonly mac: string;
  /** A process inside, through which the harness reads the namespace's files under /proc without starting a program. */
  readonly pid: number;
}

export interface Site {
  readonly a: Host;
  readonly b: Host;
  /** The namespace for the switch and its ends. */
  readonly switchNetns: string;
}

/** Makes the namespaces, still without interfaces. Of three namespaces, host names end in a and b, the switch's in s. */
export async function makeSite(bench: Bench, stack: AsyncDisposableStack): Promise<Site> {
  const switchNetns = await makeNetns(bench, stack, 's');
  return { a: await makeHost(bench, stack, 'a', 10), b: await makeHost(bench, stack, 'b', 11), switchNetns };
}

async function makeHost(bench: Bench, stack: AsyncDisposableStack, letter: string, number: number): Promise<Host> {
  const netns = await makeNetns(bench, stack, letter);
  const inside = stack.use(Child.start(inNetns(netns, ['sleep', 'infinity'])));
  const mac = `02:00:00:00:00:${number.toString(16).padStart(2, '0')}`;
  return { netns, ifname: 'eth0', address: `10.77.0.${number}`, mac, pid: inside.pid };
}

async function makeNetns(bench: Bench, stack: AsyncDisposableStack, letter: string): Promise<string> {
  bench.signal.throwIfAborted();
  const netns = `${bench.prefix}-${letter}`;
  await run(['ip', 'netns', 'add', netns]);
  stack.defer(async () => {
    await run(['ip', 'netns', 'delete', netns]);
  });
  await run(inNetns(netns, ['sysctl', '-q', '-e', '-w', ...QUIET]));
  await run(['ip', '-n', netns, 'link', 'set', 'lo', 'up']);
  return netns;
}

/** Gives the host a veth whose other end, `end`, lies in the switch's namespace, up. */
export async function connectByVeth(host: Host, switchNetns: string, end: string): Promise<void> {
  const far = ['peer', 'name', host.ifname, 'netns', host.netns];
  await run(['ip', '-n', switchNetns, 'link', 'add', end, 'type', 'veth', ...far]);
  await run(['ip', '-n', switchNetns, 'link', 'set', end, 'up']);
  await configureHost(host);
}

/** Gives the host's interface its addresses and sets it up. */
export async function configureHost(host: Host): Promise<void> {
  const { netns, ifname } = host;
  await run(['ip', '-n', netns, 'link', 'set', ifname, 'address', host.mac, 'up']);
  await run(['ip', '-n', netns, 'address', 'add', `${host.address}/24`, 'dev', ifname]);
}

/** Pings until an answer comes: the way is open and all addresses are learned. */
export async function meet(from: Host, to: Host, signal: AbortSignal): Promise<void> {
  const deadline = performance.now() + MEET_TIMEOUT_MS;
  for (;;) {
    try {
      await run(inNetns(from.netns, ['ping', '-q', '-c', '2', '-i', '0.05', '-W', '1', to.address]), { signal });
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (performance.now() > deadline) throw new Error('the hosts do not reach each other', { cause: error });
      await sleep(100, undefined, { signal });
    }
  }
}

export interface Counters {
  received: number;
  /** Frames the host offered, also those that its interface had no room for. */
  offered: number;
}

/** Columns of /proc/net/dev behind the interface's name. */
const RX_PACKETS = 1;
const TX_PACKETS = 9;
const TX_DROPPED = 11;

export function readCounters(host: Host): Counters {
  const line = readFileSync(`/proc/${host.pid}/net/dev`, 'utf8')
    .split('\n')
    .find((text) => text.trim().startsWith(`${host.ifname}:`));
  if (line === undefined) throw new Error(`${host.netns} has no ${host.ifname}`);
  const columns = line.split(':')[1]!.trim().split(/\s+/).map(Number);
  return { received: columns[RX_PACKETS]!, offered: columns[TX_PACKETS]! + columns[TX_DROPPED]! };
}

export async function interfaceIndex(host: Host): Promise<number> {
  const printed = await run(['ip', '-n', host.netns, '-json', 'link', 'show', host.ifname]);
  const links = JSON.parse(printed) as { ifindex: number }[];
  return links[0]!.ifindex;
}
