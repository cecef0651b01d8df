/**
 * One port, end to end: frames are sent in the namespace of its far end and must come out of a second port of the same
 * mode and VLANs, and the other way round; so each passes sockets, rings and switch as any frame does.
 */
import { randomBytes } from 'node:crypto';
import { EMSGSIZE, ENOBUFS } from '../../../native-bindings/abi/errno.ts';
import { errnoName } from '../../../native-bindings/syscalls.ts';
import { DROP_SENTENCES } from '../../switching/drop-reasons.ts';
import { randomMac } from '../attach/netdev-name.ts';
import type { PortView } from '../model.ts';
import { type Netdev, readNetdev } from '../plumbing/netdev.ts';
import { type Netns, resolveNetns } from '../plumbing/netns.ts';
import { TOKEN_BUCKET_KIND } from '../plumbing/token-bucket.ts';
import type { Finding, FindingVerdict } from './finding.ts';
import { areSegmentsOf, type Ends, type Framed, isSame, isSuper, numberOf } from './probe-frame.ts';
import { ProbeSocket } from './probe-socket.ts';
import { type Probe, probesOf } from './probes.ts';

/** Where one end of the way is. */
export interface Side {
  port: string;
  netns: Netns;
  netdev: Netdev;
}

export interface Surroundings {
  /** Makes the other end of the way; it is removed by whoever gave it. */
  partner: () => Promise<Side>;
  /** Drops of a port by reason, now. */
  drops: (port: string) => Readonly<Record<string, number>>;
  forwardsReserved: boolean;
}

/** A frame that has not arrived by then does not come. */
const ARRIVAL_MS_MAX = 1000;
/** A frame that is to be refused would have arrived by then, if a drop has been counted since. */
const REFUSAL_MS = 50;
const LOOK_MS = 2;
/** Source ports of the probes. */
const FIRST_NUMBER = 40_000;

type Fate =
  { kind: 'same' | 'cut' | 'damaged' } | { kind: 'refused'; errno: number } | { kind: 'lost'; reasons: string[] };

interface Direction {
  words: 'in' | 'out';
  from: ProbeSocket;
  to: ProbeSocket;
  ends: Ends;
}

export async function examinePort(port: PortView, around: Surroundings): Promise<Finding[]> {
  const about = (check: string, verdict: FindingVerdict, text: string, fix: string | null = null): Finding => {
    return { port: port.name, check, verdict, text, fix };
  };
  const findings = settingFindings(port, about);
  if (findings.some(({ verdict }) => verdict === 'broken' || verdict === 'off')) return findings;
  if (port.netns === null || port.ifname === null) {
    const text = 'its other side is not in a namespace that tswitch put it into, so what arrives there cannot be seen';
    return [...findings, about('probes', 'unknown', text)];
  }
  const netns = await resolveNetns(port.netns);
  try {
    const netdev = readNetdev(netns, port.ifname);
    if (!netdev) {
      const text = `${port.ifname} is not in ${port.netns} any more: who took it elsewhere (Docker does) can see what arrives there`;
      return [...findings, about('probes', 'unknown', text)];
    }
    if (netdev.mtu !== null && netdev.mtu !== port.mtu) {
      const text = `${port.ifname} has an MTU of ${netdev.mtu}, the port one of ${port.mtu}`;
      const isSmaller = netdev.mtu < port.mtu;
      const fix = `\`tswitch port set ${port.name} --mtu ${isSmaller ? port.mtu : netdev.mtu}\``;
      findings.push(about('mtu of both ends', isSmaller ? 'broken' : 'off', text, fix));
    }
    if (port.ingressRate !== null && netdev.qdisc !== TOKEN_BUCKET_KIND) {
      const text = `${port.ifname} is not limited to ${port.ingressRate} any more: somebody in ${port.netns} took that off`;
      const fix = `\`tswitch port set ${port.name} --ingress-rate ${port.ingressRate}\``;
      findings.push(about('limit', 'broken', text, fix));
    }
    const probing = new Probing(port, { port: port.name, netns, netdev }, await around.partner(), around);
    return [...findings, ...(await probing.run())];
  } finally {
    netns.close();
  }
}

function settingFindings(
  port: PortView,
  about: (check: string, verdict: FindingVerdict, text: string, fix?: string | null) => Finding,
): Finding[] {
  const { name, state, admin, blocked, kind, xdpMode, offloads, learning, stats } = port;
  if (state === 'lost') {
    const text = `its ${port.netns === null ? `netdev ${port.netdev}` : `interface ${port.ifname} in ${port.netns}`} is gone`;
    return [about('state', 'broken', text, 'it comes back by itself with it; else remove the port')];
  }
  if (admin === 'down') return [about('state', 'off', 'it is set down', `\`tswitch port set ${name} --admin up\``)];
  if (state === 'down') {
    return [about('state', 'broken', 'its netdev has no carrier or is down', 'set the interface on its other side up')];
  }
  if (blocked) {
    const text = `it is blocked until ${blocked.until}: port ${blocked.peer} is connected to it outside the switch`;
    return [about('state', 'broken', text, 'take one of the two cables out')];
  }
  const findings = [about('state', 'ok', 'up')];
  if (kind === 'xdp' && xdpMode === 'generic') {
    findings.push(
      about('XDP', 'slow', 'its driver has no XDP, so the kernel runs the program later', 'use kind packet'),
    );
  }
  if (kind !== 'xdp' && offloads.length === 0) {
    const fix = `\`tswitch port set ${name} --offloads csum,tso4,tso6\` if its other side takes them`;
    findings.push(about('offloads', 'slow', 'the switch finishes checksums and segments for its other side', fix));
  }
  if (!learning) {
    findings.push(about('learning', 'slow', 'it learns no addresses: frames to its hosts are flooded', null));
  }
  if (stats.rx.drops > 0) {
    const text = `${stats.rx.drops} frames came faster than they were read, of ${stats.rx.frames + stats.rx.drops}`;
    findings.push(about('ring', 'slow', text, 'see docs/tuning.md: more workers, or a core of its own'));
  }
  return findings;
}

class Probing {
  readonly #port: PortView;
  readonly #far: Side;
  readonly #partner: Side;
  readonly #around: Surroundings;
  #number = FIRST_NUMBER;

  constructor(port: PortView, far: Side, partner: Side, around: Surroundings) {
    this.#port = port;
    this.#far = far;
    this.#partner = partner;
    this.#around = around;
  }

  async run(): Promise<Finding[]> {
    using far = ProbeSocket.open(this.#far.netns, this.#far.netdev.index);
    using partner = ProbeSocket.open(this.#partner.netns, this.#partner.netdev.index);
    const [farMac, partnerMac] = [macBytes(randomMac(randomBytes)), macBytes(randomMac(randomBytes))];
    const into: Direction = {
      words: 'in',
      from: far,
      to: partner,
      ends: { source: farMac, destination: partnerMac },
    };
    const out: Direction = { words: 'out', from: partner, to: far, ends: { source: partnerMac, destination: farMac } };
    const probes = probesOf(this.#port, this.#around.forwardsReserved);
    const findings: Finding[] = [];
    for (const probe of probes) findings.push(await this.#try(probe, into, out));
    return findings;
  }

  async #try(probe: Probe, into: Direction, out: Direction): Promise<Finding> {
    if (probe.expected === 'passes') {
      // In first: the switch learns where the destination of the way out is.
      const fates = [
        { words: 'in', fate: await this.#send(probe, into) },
        { words: 'out', fate: await this.#send(probe, out) },
      ] as const;
      return this.#passFinding(probe, fates);
    }
    const direction = probe.expected === 'is refused in' ? into : out;
    const fate = await this.#send(probe, direction);
    const { name: port } = this.#port;
    const { check, what } = probe;
    if (fate.kind === 'lost' || fate.kind === 'refused') {
      const [reason] = fate.kind === 'lost' ? fate.reasons : [];
      const text = `${what} are refused, as they must be${reason === undefined ? '' : ` (${reason})`}`;
      return { port, check, verdict: 'ok', text, fix: null };
    }
    return { port, check, verdict: 'broken', text: `${what} pass, which they must not`, fix: 'please report this' };
  }

  #passFinding({ check, what }: Probe, fates: readonly { words: 'in' | 'out'; fate: Fate }[]): Finding {
    const { name: port } = this.#port;
    const bad = fates.find(({ fate }) => fate.kind !== 'same' && fate.kind !== 'cut');
    if (bad) return { port, check, verdict: 'broken', ...this.#trouble(what, bad.words, bad.fate) };
    const cut = fates.filter(({ fate }) => fate.kind === 'cut').map(({ words }) => words);
    if (cut.length > 0) {
      const text = `${what} are cut into segments on the way ${cut.join(' and ')}`;
      return { port, check, verdict: 'slow', text, fix: this.#cutFix(cut) };
    }
    return { port, check, verdict: 'ok', text: `${what} pass both ways`, fix: null };
  }

  #trouble(what: string, words: 'in' | 'out', fate: Fate): Pick<Finding, 'text' | 'fix'> {
    const { ifname, netns, name } = this.#port;
    if (fate.kind === 'refused') {
      const where = words === 'in' ? `${ifname} in ${netns}` : 'the partner of the test';
      return {
        text: `${what} cannot be sent by ${where}: ${errnoName(-fate.errno)}`,
        fix: refusalFix(-fate.errno),
      };
    }
    if (fate.kind === 'lost' && fate.reasons.length > 0) {
      const [reason = ''] = fate.reasons;
      const text = `${what} are dropped by the switch on the way ${words}: ${reason}, ${DROP_SENTENCES[reason] ?? ''}`;
      return { text, fix: `see \`tswitch port show ${name}\` and \`tswitch drops\`` };
    }
    if (fate.kind === 'lost') {
      const fix = `look for what filters on ${ifname} in ${netns}: nftables (netdev), tc, XDP`;
      return { text: `${what} are lost on the way ${words}, and not by the switch`, fix };
    }
    const fix = `\`tswitch port set ${name} --offloads none\` if its other side takes no unfinished frames`;
    return { text: `${what} arrive changed on the way ${words}`, fix };
  }

  #cutFix(ways: readonly string[]): string {
    const { kind, name, ifname, netns, offloads } = this.#port;
    if (kind === 'xdp') return 'AF_XDP carries none: use kind veth or tap where TCP matters most';
    if (ways.includes('out') && !offloads.includes('tso4')) {
      return `\`tswitch port set ${name} --offloads csum,tso4,tso6\` if its other side takes them`;
    }
    return `\`ethtool -K ${ifname} tso on\` in ${netns}`;
  }

  async #send(probe: Probe, { from, to, ends }: Direction): Promise<Fate> {
    const number = this.#number++;
    const framed = probe.build(ends, number);
    const before = this.#drops();
    while (to.receive());
    const sent = from.send(framed);
    if (sent < 0) return { kind: 'refused', errno: sent };
    const arrived: Framed[] = [];
    const sentMs = performance.now();
    for (;;) {
      for (let next = to.receive(); next; next = to.receive()) {
        if (numberOf(next, ends.source) === number) arrived.push(next);
      }
      const fate = fateOf(framed, arrived);
      if (fate.kind === 'same' || fate.kind === 'cut') return fate;
      const reasons = this.#dropsSince(before);
      // Other frames are dropped too, so a drop alone says nothing of a frame that may still arrive.
      const isRefused = probe.expected !== 'passes' && reasons.length > 0;
      if (performance.now() - sentMs > (isRefused ? REFUSAL_MS : ARRIVAL_MS_MAX)) {
        return arrived.length > 0 ? fate : { kind: 'lost', reasons };
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  /** Of both ports, by reason. Other traffic of the port may add to them meanwhile. */
  #drops(): Map<string, number> {
    const sums = new Map<string, number>();
    for (const port of [this.#far.port, this.#partner.port]) {
      for (const [reason, count] of Object.entries(this.#around.drops(port))) {
        sums.set(reason, (sums.get(reason) ?? 0) + count);
      }
    }
    return sums;
  }

  #dropsSince(before: ReadonlyMap<string, number>): string[] {
    return [...this.#drops()].filter(([reason, count]) => count > (before.get(reason) ?? 0)).map(([reason]) => reason);
  }
}

function refusalFix(errno: number): string {
  if (errno === EMSGSIZE) return 'give it the MTU of the port';
  if (errno === ENOBUFS) return 'its queueing discipline drops them: see `tc -s qdisc show`';
  return 'see `ip -details link show`';
}

function fateOf(sent: Framed, arrived: readonly Framed[]): Fate {
  const [first] = arrived;
  if (!first) return { kind: 'lost', reasons: [] };
  if (arrived.length === 1 && isSame(sent, first)) return { kind: 'same' };
  if (isSuper(sent) && areSegmentsOf(sent, arrived)) return { kind: 'cut' };
  return { kind: 'damaged' };
}

function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':').map((byte) => Number.parseInt(byte, 16)));
}
