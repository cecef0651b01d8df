/** The hosts that talk through a subject, and the namespace it lives in: deleting them removes all netdevs made. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from './child.ts';
import { inNetns, run } from './command.ts';
import { type Bench, HOSTS, type Layout } from './subject.ts';

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
  /** As many as the layout has, with consecutive addresses. */
  readonly hosts: readonly Host[];
  readonly a: Host;
  readonly b: Host;
  /** The namespace for the switch and its ends. */
  readonly switchNetns: string;
}

/** Makes the namespaces, still without interfaces. Their names end in a letter: a, b, c and d for hosts, s for the switch. */
export async function makeSite(bench: Bench, stack: AsyncDisposableStack, layout: Layout): Promise<Site> {
  const switchNetns = await makeNetns(bench, stack, 's');
  const hosts: Host[] = [];
  for (let k = 0; k < HOSTS[layout]; k++) hosts.push(await makeHost(bench, stack, 'abcd'[k]!, 10 + k));
  return { hosts, a: hosts[0]!, b: hosts[1]!, switchNetns };
}

/** The host that has no address, but an interface at each further port of a switch. */
export async function makeCrowd(bench: Bench, stack: AsyncDisposableStack): Promise<Host> {
  return makeHost(bench, stack, 'x', 20);
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

/** The switch's end of a host's veth. */
export function endOf(host: Host): string {
  return `to-${host.netns.at(-1)}`;
}

/**
 * Gives each host a veth whose other end, named by `endOf`, lies in the switch's namespace, up.
 * @param queues null: one for each core, as the kernel makes them
 */
export async function connectByVeth({ hosts, switchNetns }: Site, queues: number | null = null): Promise<void> {
  const cut = queues === null ? [] : ['numrxqueues', String(queues), 'numtxqueues', String(queues)];
  for (const host of hosts) {
    const near = ['ip', '-n', switchNetns, 'link', 'add', endOf(host), ...cut, 'type', 'veth'];
    await run([...near, 'peer', 'name', host.ifname, ...cut, 'netns', host.netns]);
    await run(['ip', '-n', switchNetns, 'link', 'set', endOf(host), 'up']);
    await configureHost(host);
  }
}

/** For switches that read frames raw, and leave a checksum unfinished that the host left to the hardware. */
export async function switchOffTxChecksums(hosts: readonly Host[]): Promise<void> {
  for (const { netns, ifname } of hosts) await run(inNetns(netns, ['ethtool', '-K', ifname, 'tx', 'off']));
}

/** Gives the host's interface its addresses and sets it up. */
export async function configureHost(host: Host): Promise<void> {
  const { netns, ifname } = host;
  await run(['ip', '-n', netns, 'link', 'set', ifname, 'address', host.mac, 'up']);
  await run(['ip', '-n', netns, 'address', 'add', `${host.address}/24`, 'dev', ifname]);
}

/**
 * Pings until an answer comes: the way is open and all addresses are learned. From then on the hosts know each other without
 * asking, so no frame of theirs joins those that are counted.
 */
export async function meet(hosts: readonly Host[], signal: AbortSignal): Promise<void> {
  await greet(hosts, signal);
  for (const host of hosts) {
    for (const other of hosts) {
      if (other === host) continue;
      const neighbour = [other.address, 'lladdr', other.mac, 'dev', host.ifname, 'nud', 'permanent'];
      await run(['ip', '-n', host.netns, 'neighbour', 'replace', ...neighbour]);
    }
  }
}

/** Pings all others from the first host, so that the switch has heard of each of them just now. */
export async function greet(hosts: readonly Host[], signal: AbortSignal): Promise<void> {
  const [first, ...others] = hosts;
  for (const other of others) await reach(first!, other, signal);
}

async function reach(from: Host, to: Host, signal: AbortSignal): Promise<void> {
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
  receivedBytes: number;
  /** Frames the host offered, also those that its interface had no room for. */
  offered: number;
}

/** Columns of /proc/net/dev behind the interface's name. */
const RX_BYTES = 0;
const RX_PACKETS = 1;
const TX_PACKETS = 9;
const TX_DROPPED = 11;

/** Of all interfaces of the host but lo, together. */
export function readCounters(host: Host): Counters {
  const counters = { received: 0, receivedBytes: 0, offered: 0 };
  const lines = readFileSync(`/proc/${host.pid}/net/dev`, 'utf8').split('\n').slice(2);
  for (const line of lines) {
    const [name = '', values] = line.split(':');
    if (values === undefined || name.trim() === 'lo') continue;
    const columns = values.trim().split(/\s+/).map(Number);
    counters.received += columns[RX_PACKETS]!;
    counters.receivedBytes += columns[RX_BYTES]!;
    counters.offered += columns[TX_PACKETS]! + columns[TX_DROPPED]!;
  }
  return counters;
}

export async function interfaceIndex(host: Host): Promise<number> {
  const printed = await run(['ip', '-n', host.netns, '-json', 'link', 'show', host.ifname]);
  const links = JSON.parse(printed) as { ifindex: number }[];
  return links[0]!.ifindex;
}
