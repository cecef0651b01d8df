/**
 * What the switch is to do, a second time: slow and plain, written from the description of the modes and not from the data
 * path, so that test/model/storm.ts can compare the two. Frames are arrays of bytes here, and tables are lists.
 */
import type { PortConfig } from '../../src/shared/commands.ts';
import { addressBytes, type Frame, isGroup, lastByte, makeTag, parse, type Tag } from './reference-frame.ts';

export type EntryKind = 'dynamic' | 'static' | 'sticky';

export interface Entry {
  mac: string;
  vlan: number;
  port: string;
  kind: EntryKind;
}

export interface Filter {
  port?: string;
  vlan?: number;
  kind?: EntryKind;
}

export interface SwitchOptions {
  ageingSeconds: number;
  fdbLimit: number;
  /** Dynamic entries a port may have; none: no limit. */
  portLimits: Record<string, number>;
}

/** What becomes of one copy: the bytes that leave, or why they do not. */
export type Copy = { port: string; bytes: number[] } | { port: string; drop: 'OVER_MTU' };

export type Outcome =
  { kind: 'dropped'; reason: string } | { kind: 'forwarded'; copies: [Copy] } | { kind: 'flooded'; copies: Copy[] };

interface SeenEntry extends Entry {
  /** Second at which the address was last seen or given. */
  seen: number;
}

/** A frame with its VLAN known, and no tag of that VLAN on it. */
interface InVlan {
  from: PortConfig;
  vlan: number;
  /** The tag that was taken off at ingress. */
  taken: Tag | null;
  /** The tags that are still there. */
  kept: Tag[];
  frame: Frame;
}

const BROADCAST = 'ff:ff:ff:ff:ff:ff';

export class ReferenceSwitch {
  readonly ports = new Map<string, PortConfig>();
  readonly options: SwitchOptions;
  seconds = 0;
  #table: SeenEntry[] = [];
  /** For each n whether 01:80:c2:00:00:n is forwarded. */
  readonly #reserved = Array.from({ length: 0x30 }, (_, n) => n >= 0x10);
  /** Which of several entries the switch has let go to make room, where more than one is right. */
  readonly #evicted: (candidates: Entry[]) => Entry;

  constructor(ports: Record<string, PortConfig>, options: SwitchOptions, evicted: (candidates: Entry[]) => Entry) {
    this.options = options;
    this.#evicted = evicted;
    for (const [name, config] of Object.entries(ports)) this.ports.set(name, config);
  }

  configure(name: string, change: Partial<PortConfig>): void {
    const config = { ...this.#port(name), ...change };
    this.ports.set(name, config);
    this.#keep(
      (entry) => entry.port !== name || entry.kind !== 'dynamic' || (config.up && carries(config, entry.vlan)),
    );
  }

  reserved(n: number, forward: boolean): void {
    this.#reserved[n] = forward;
  }

  give(mac: string, vlan: number, port: string, kind: 'static' | 'sticky'): void {
    this.forget(mac, vlan);
    this.#table.push({ mac, vlan, port, kind, seen: this.seconds });
  }

  forget(mac: string, vlan: number): void {
    this.#keep((entry) => entry.mac !== mac || entry.vlan !== vlan);
  }

  flush({ port, vlan, kind = 'dynamic' }: Filter): void {
    this.#keep(
      (entry) =>
        entry.kind !== kind ||
        (port !== undefined && entry.port !== port) ||
        (vlan !== undefined && entry.vlan !== vlan),
    );
  }

  /** The entries that are alive. */
  entries(): Entry[] {
    return this.#alive().map(({ mac, vlan, port, kind }) => ({ mac, vlan, port, kind }));
  }

  receive(name: string, bytes: readonly number[]): Outcome {
    const port = this.#port(name);
    const refused = this.#admit(port, bytes);
    if (refused) return { kind: 'dropped', reason: refused };
    const classified = classify(port, parse(bytes));
    if (typeof classified === 'string') return { kind: 'dropped', reason: classified };
    if (this.#pinnedElsewhere(name, classified)) return { kind: 'dropped', reason: 'SOURCE_PINNED' };
    if (port.learning) this.#learn(name, classified);
    return this.#decide(name, classified);
  }

  #port(name: string): PortConfig {
    const port = this.ports.get(name);
    if (!port) throw new Error(`no port ${name}`);
    return port;
  }

  #alive(): SeenEntry[] {
    return this.#table.filter(
      ({ kind, seen }) => kind === 'static' || this.seconds - seen <= this.options.ageingSeconds,
    );
  }

  #keep(isKept: (entry: Entry) => boolean): void {
    this.#table = this.#table.filter(isKept);
  }

  #find(mac: string, vlan: number): SeenEntry | undefined {
    return this.#alive().find((entry) => entry.mac === mac && entry.vlan === vlan);
  }

  #admit(port: PortConfig, bytes: readonly number[]): string | null {
    if (!port.up) return 'INGRESS_DOWN';
    if (port.blocked) return 'LOOP_BLOCKED';
    if (bytes.length < 14) return 'RUNT';
    const { dst, src, tags } = parse(bytes);
    if (isGroup(src) || src === '00:00:00:00:00:00') return 'SOURCE_NOT_UNICAST';
    if (dst.startsWith('01:80:c2:00:00:') && this.#reserved[lastByte(dst)] === false) return 'RESERVED_ADDRESS';
    if (tags.length > 0 && bytes.length < 18) return 'TRUNCATED_TAG';
    return null;
  }

  #pinnedElsewhere(name: string, { frame, vlan }: InVlan): boolean {
    const known = this.#find(frame.src, vlan);
    return known !== undefined && known.kind !== 'dynamic' && known.port !== name;
  }

  #learn(name: string, { frame, vlan }: InVlan): void {
    const known = this.#find(frame.src, vlan);
    if (known?.port === name) {
      known.seen = this.seconds;
      return;
    }
    const isFull = this.#dynamicOf(name).length >= (this.options.portLimits[name] ?? Infinity);
    if (isFull) return;
    this.forget(frame.src, vlan);
    if (this.#alive().length >= this.options.fdbLimit && !this.#makeRoom()) return;
    this.#table.push({ mac: frame.src, vlan, port: name, kind: 'dynamic', seen: this.seconds });
  }

  #dynamicOf(name: string): SeenEntry[] {
    return this.#alive().filter(({ port, kind }) => port === name && kind === 'dynamic');
  }

  /** The port with most dynamic entries loses the one it has not seen for longest; false if there is none. */
  #makeRoom(): boolean {
    const byPort = [...this.ports.keys()].map((name) => this.#dynamicOf(name));
    const most = Math.max(...byPort.map((entries) => entries.length));
    if (most === 0) return false;
    const candidates = byPort
      .filter((entries) => entries.length === most)
      .flatMap((entries) => {
        const oldest = Math.min(...entries.map(({ seen }) => seen));
        return entries.filter(({ seen }) => seen === oldest);
      });
    const gone = this.#evicted(candidates);
    this.forget(gone.mac, gone.vlan);
    return true;
  }

  #decide(name: string, inVlan: InVlan): Outcome {
    const { dst } = inVlan.frame;
    const known = isGroup(dst) ? undefined : this.#find(dst, inVlan.vlan);
    if (known) {
      const reason = known.port === name ? 'HAIRPIN' : this.#refusal(inVlan, this.#port(known.port));
      if (reason) return { kind: 'dropped', reason };
      return { kind: 'forwarded', copies: [this.#copy(inVlan, known.port)] };
    }
    const takers = [...this.ports]
      .filter(([other, port]) => other !== name && takesFlood(port, dst) && !this.#refusal(inVlan, port))
      .map(([other]) => other);
    if (takers.length === 0) return { kind: 'dropped', reason: 'NO_EGRESS' };
    return { kind: 'flooded', copies: takers.map((other) => this.#copy(inVlan, other)) };
  }

  /** Why a frame must not leave by a port that is not its own. */
  #refusal(inVlan: InVlan, to: PortConfig): string | null {
    if (!carries(to, inVlan.vlan)) return 'EGRESS_NOT_A_MEMBER';
    if (!to.up || to.blocked) return 'EGRESS_DOWN';
    if (to.isolated && inVlan.from.isolated) return 'ISOLATED';
    const inner = inVlan.kept[0];
    if (to.mode === 'access' && inner) return 'INNER_TAG';
    if (to.mode === 'dot1q-tunnel' && to.cvlans.length > 0 && !isListed(to.cvlans, inner)) return 'CVLAN_NOT_ALLOWED';
    return null;
  }

  #copy(inVlan: InVlan, name: string): Copy {
    const to = this.#port(name);
    if (payloadBytes(inVlan) > to.mtu) return { port: name, drop: 'OVER_MTU' };
    const { frame, kept } = inVlan;
    const put = tagPutOn(inVlan, to);
    const tags = [...(put ? [put] : []), ...kept].flatMap(({ bytes }) => bytes);
    return { port: name, bytes: [...addressBytes(frame.dst), ...addressBytes(frame.src), ...tags, ...frame.rest] };
  }
}

function keepsOwnTags({ mode }: PortConfig): boolean {
  return mode === 'dot1q-tunnel' || mode === 'transparent';
}

export function carries(port: PortConfig, vlan: number): boolean {
  const isTrunk = port.mode === 'trunk' || port.mode === 'native-tagged' || port.mode === 'native-untagged';
  const isNative = port.mode !== 'trunk' && port.vlan === vlan;
  return isNative || (isTrunk && (port.trunks.length === 0 || port.trunks.includes(vlan)));
}

function sendsTagged(port: PortConfig, vlan: number): boolean {
  switch (port.mode) {
    case 'trunk':
    case 'native-tagged':
      return true;
    case 'native-untagged':
      return port.vlan !== vlan;
    case 'access':
    case 'dot1q-tunnel':
    case 'transparent':
      return false;
  }
}

/** The frame's VLAN, or why it has none. */
function classify(from: PortConfig, frame: Frame): InVlan | string {
  const outer = frame.tags[0];
  if (keepsOwnTags(from)) {
    if (from.mode === 'dot1q-tunnel' && from.cvlans.length > 0 && !isListed(from.cvlans, outer)) {
      return 'CVLAN_NOT_ALLOWED';
    }
    return { from, vlan: from.vlan, taken: null, kept: frame.tags, frame };
  }
  if (outer?.vid === 4095) return 'VID_RESERVED';
  const isUntagged = !outer || outer.vid === 0;
  if (isUntagged && from.mode === 'trunk') return 'UNTAGGED_ON_TRUNK';
  const vlan = isUntagged ? from.vlan : outer.vid!;
  if (!isUntagged && (from.mode === 'access' || !carries(from, vlan))) return 'NOT_A_MEMBER';
  return { from, vlan, taken: outer ?? null, kept: frame.tags.slice(1), frame };
}

function isListed(cvlans: readonly number[], tag: Tag | undefined): boolean {
  return tag !== undefined && tag.vid !== null && tag.vid !== 0 && cvlans.includes(tag.vid);
}

function takesFlood(port: PortConfig, dst: string): boolean {
  if (dst === BROADCAST) return port.floodBroadcast;
  return isGroup(dst) ? port.floodMulticast : port.floodUnknown;
}

/** The frame's own outer tag and one behind it do not count. */
function payloadBytes({ frame }: InVlan): number {
  return frame.rest.length - 2 + 4 * Math.max(0, frame.tags.length - 2);
}

function tagPutOn({ from, vlan, taken, kept }: InVlan, to: PortConfig): Tag | null {
  if (sendsTagged(to, vlan)) {
    if (keepsOwnTags(from)) return makeTag(from.tpid, vlan, 0, 0);
    return makeTag(taken?.tpid ?? 0x8100, vlan, taken?.pcp ?? 0, taken?.dei ?? 0);
  }
  if (kept.length > 0 || (from.mode === 'transparent' && to.mode === 'transparent')) return null;
  const pcp = taken?.pcp ?? 0;
  const isWanted = to.priorityTags === 'always' || (to.priorityTags === 'if-nonzero' && pcp !== 0);
  return isWanted ? makeTag(0x8100, 0, pcp, taken?.dei ?? 0) : null;
}
