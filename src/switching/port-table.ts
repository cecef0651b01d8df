/**
 * What the data path knows of every port, as arrays by handle and as port sets, private to one worker and changed by
 * commands between batches: so all frames of a batch meet one state.
 *
 * The VLAN table is part of it: which ports carry a VLAN (a set per VLAN), which send frames with a given inner tag (a set
 * per inner VID), and for each port how it classifies what arrives and whether it tags what leaves (IEEE 802.1Q-2022, 6.9
 * and 8.6; Open vSwitch's vlan_mode).
 */
import * as vlanTag from '../frame/vlan.ts';
import * as limits from '../limits.ts';
import type { PortConfig } from '../shared/commands.ts';
import * as dropReasons from './drop-reasons.ts';
import * as innerTag from './inner-tag.ts';
import { innerKeyOf } from './inner-tag.ts';
import * as portSet from './port-set.ts';
import { hasBit, setBit } from './port-set.ts';
import { drop } from './verdict.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { PRIORITY_MASK, VID_MASK } = vlanTag;
const { PORTS_MAX, VID_MAX, VID_MIN, VLANS } = limits;
const { Drop } = dropReasons;
const { INNER_KEYS, INNER_NONE } = innerTag;
const { PORT_SET_WORDS } = portSet;

export const MODE_ACCESS = 0;
export const MODE_TRUNK = 1;
export const MODE_NATIVE_TAGGED = 2;
export const MODE_NATIVE_UNTAGGED = 3;
/** From here on modes that keep a frame's own tags inside the VLAN. */
export const MODE_TUNNEL = 4;
export const MODE_TRANSPARENT = 5;
const MODES = {
  access: MODE_ACCESS,
  trunk: MODE_TRUNK,
  'native-tagged': MODE_NATIVE_TAGGED,
  'native-untagged': MODE_NATIVE_UNTAGGED,
  'dot1q-tunnel': MODE_TUNNEL,
  transparent: MODE_TRANSPARENT,
};

export const PRIORITY_TAGS_NEVER = 0;
export const PRIORITY_TAGS_IF_NONZERO = 1;
export const PRIORITY_TAGS_ALWAYS = 2;
const PRIORITY_TAGS = {
  never: PRIORITY_TAGS_NEVER,
  'if-nonzero': PRIORITY_TAGS_IF_NONZERO,
  always: PRIORITY_TAGS_ALWAYS,
};

/** Port sets beside the VLANs' member sets: who takes which flood, and who may reach whom. */
export const SET_UP = 0;
export const SET_BLOCKED = 1;
export const SET_ISOLATED = 2;
/** SET_FLOOD + a FLOOD_* class: the ports that take such floods. */
export const SET_FLOOD = 3;
const SETS = 6;

/** Classes of what is flooded. */
export const FLOOD_UNKNOWN = 0;
export const FLOOD_MULTICAST = 1;
export const FLOOD_BROADCAST = 2;
export const FLOOD_CLASSES = 3;

export class PortTable {
  readonly mode = new Uint8Array(PORTS_MAX);
  /** Access, native or service VLAN; 0: none. */
  readonly vlan = new Uint16Array(PORTS_MAX);
  /** TPID of the service tag pushed for what entered by the port. */
  readonly tpid = new Uint16Array(PORTS_MAX);
  readonly priorityTags = new Uint8Array(PORTS_MAX);
  readonly mtu = new Uint16Array(PORTS_MAX);
  readonly learning = new Uint8Array(PORTS_MAX);
  readonly offloads = new Uint8Array(PORTS_MAX);
  /** FLOOD_CLASSES per port: frames per second that may enter to be flooded; 0: no limit. */
  readonly floodLimit = new Int32Array(PORTS_MAX * FLOOD_CLASSES);
  /** PORT_SET_WORDS words per VLAN: the ports that carry it. */
  readonly members = new Int32Array(VLANS * PORT_SET_WORDS);
  /** PORT_SET_WORDS words per INNER_*: the ports that send such frames. */
  readonly takesInner = new Int32Array(INNER_KEYS * PORT_SET_WORDS);
  /** PORT_SET_WORDS words per SET_*. */
  readonly sets = new Int32Array(SETS * PORT_SET_WORDS);
  /** By handle: the name of a port that is open; undefined where none is. */
  readonly names: (string | undefined)[] = [];

  configure(handle: number, config: PortConfig): void {
    const mode = MODES[config.mode];
    this.names[handle] = config.name ?? String(handle);
    this.mode[handle] = mode;
    this.vlan[handle] = config.vlan;
    this.tpid[handle] = config.tpid;
    this.priorityTags[handle] = PRIORITY_TAGS[config.priorityTags];
    this.mtu[handle] = config.mtu;
    this.learning[handle] = config.learning ? 1 : 0;
    this.offloads[handle] = config.offloads;
    this.floodLimit[handle * FLOOD_CLASSES + FLOOD_UNKNOWN] = config.unknownLimit ?? 0;
    this.floodLimit[handle * FLOOD_CLASSES + FLOOD_MULTICAST] = config.multicastLimit ?? 0;
    this.floodLimit[handle * FLOOD_CLASSES + FLOOD_BROADCAST] = config.broadcastLimit ?? 0;
    setBit(this.sets, SET_UP, handle, config.up && !config.blocked);
    setBit(this.sets, SET_BLOCKED, handle, config.up && config.blocked);
    setBit(this.sets, SET_ISOLATED, handle, config.isolated);
    setBit(this.sets, SET_FLOOD + FLOOD_UNKNOWN, handle, config.floodUnknown);
    setBit(this.sets, SET_FLOOD + FLOOD_MULTICAST, handle, config.floodMulticast);
    setBit(this.sets, SET_FLOOD + FLOOD_BROADCAST, handle, config.floodBroadcast);
    const isTrunk = mode !== MODE_ACCESS && mode < MODE_TUNNEL;
    const trunked = isTrunk ? new Set(config.trunks) : null;
    for (let vid = VID_MIN; vid <= VID_MAX; vid++) {
      const carried = vid === config.vlan || (trunked !== null && (trunked.size === 0 || trunked.has(vid)));
      setBit(this.members, vid, handle, carried);
    }
    const customers = mode === MODE_TUNNEL && config.cvlans.length > 0 ? new Set(config.cvlans) : null;
    for (let key = 0; key < INNER_KEYS; key++) {
      const taken = mode === MODE_ACCESS ? key === INNER_NONE : customers === null || customers.has(key);
      setBit(this.takesInner, key, handle, taken);
    }
  }

  remove(handle: number): void {
    this.names[handle] = undefined;
    for (let vid = VID_MIN; vid <= VID_MAX; vid++) setBit(this.members, vid, handle, false);
    for (let set = 0; set < SETS; set++) setBit(this.sets, set, handle, false);
  }

  /** Handle of the port with this name; -1: there is none. */
  handleOf(name: string): number {
    return this.names.indexOf(name);
  }

  carries(handle: number, vid: number): boolean {
    return hasBit(this.members, vid, handle);
  }

  isIn(set: number, handle: number): boolean {
    return hasBit(this.sets, set, handle);
  }

  /** Whether what enters by the port keeps its own tags inside the VLAN. */
  tunnels(handle: number): boolean {
    return this.mode[handle]! >= MODE_TUNNEL;
  }

  /** Whether the port sends frames with this inner tag (see inner-tag.ts). */
  sendsInner(handle: number, innerKey: number): boolean {
    return hasBit(this.takesInner, innerKey, handle);
  }

  /**
   * The VLAN of a frame that arrives on the port with this outer tag (tpid 0: untagged), or a drop verdict (all of which
   * are larger than any VID). A priority tag (VID 0) is classified like no tag.
   */
  classify(handle: number, tpid: number, tci: number): number {
    if (this.tunnels(handle)) {
      return this.sendsInner(handle, innerKeyOf(tpid, tci)) ? this.vlan[handle]! : CVLAN_NOT_ALLOWED;
    }
    const vid = tpid === 0 ? 0 : tci & VID_MASK;
    if (vid === 0) return this.vlan[handle]! || UNTAGGED_ON_TRUNK;
    if (vid > VID_MAX) return VID_RESERVED;
    if (this.mode[handle] === MODE_ACCESS || !this.carries(handle, vid)) return NOT_A_MEMBER;
    return vid;
  }

  /** Whether the VLAN's frames leave by the port with a tag. */
  tags(handle: number, vid: number): boolean {
    const mode = this.mode[handle]!;
    if (mode === MODE_ACCESS || mode >= MODE_TUNNEL) return false;
    return mode !== MODE_NATIVE_UNTAGGED || this.vlan[handle] !== vid;
  }
}

/** What `classify` returns for a drop, apart from VIDs by being above them. */
const CLASSIFIED_DROP = VLANS;
const VID_RESERVED = CLASSIFIED_DROP + drop(Drop.VID_RESERVED);
const NOT_A_MEMBER = CLASSIFIED_DROP + drop(Drop.NOT_A_MEMBER);
const UNTAGGED_ON_TRUNK = CLASSIFIED_DROP + drop(Drop.UNTAGGED_ON_TRUNK);
const CVLAN_NOT_ALLOWED = CLASSIFIED_DROP + drop(Drop.CVLAN_NOT_ALLOWED);

/** The drop verdict in what `classify` returned, or 0 if that is a VLAN. */
export function classifiedDrop(classified: number): number {
  return classified < CLASSIFIED_DROP ? 0 : classified - CLASSIFIED_DROP;
}

/** The TCI to leave with: the frame's VLAN, with the priority it arrived with. */
export function egressTci(vid: number, arrivedTci: number): number {
  return (arrivedTci & PRIORITY_MASK) | vid;
}
