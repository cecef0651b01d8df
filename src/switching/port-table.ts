/**
 * What the data path knows of every port, as arrays by handle and as port sets, private to one worker and changed by
 * commands between batches: so all frames of a batch meet one state.
 *
 * The VLAN table is part of it: which ports carry a VLAN (a set per VLAN), and for each port how it classifies what arrives
 * and whether it tags what leaves (IEEE 802.1Q-2022, 6.9 and 8.6; Open vSwitch's vlan_mode).
 */
import { PRIORITY_MASK, VID_MASK } from '../frame/vlan.ts';
import { PORTS_MAX, VID_MAX, VID_MIN, VLANS } from '../limits.ts';
import type { PortConfig } from '../shared/commands.ts';
import { Drop } from './drop-reasons.ts';
import { hasBit, PORT_SET_WORDS, setBit } from './port-set.ts';
import { drop } from './verdict.ts';

export const MODE_ACCESS = 0;
export const MODE_TRUNK = 1;
export const MODE_NATIVE_TAGGED = 2;
export const MODE_NATIVE_UNTAGGED = 3;
const MODES = {
  access: MODE_ACCESS,
  trunk: MODE_TRUNK,
  'native-tagged': MODE_NATIVE_TAGGED,
  'native-untagged': MODE_NATIVE_UNTAGGED,
};

/** Port sets beside the VLANs' member sets: who takes which flood, and who may reach whom. */
export const SET_UP = 0;
export const SET_FLOOD_UNKNOWN = 1;
export const SET_FLOOD_MULTICAST = 2;
export const SET_FLOOD_BROADCAST = 3;
export const SET_ISOLATED = 4;
export const SET_ACCESS = 5;
const SETS = 6;

export class PortTable {
  readonly mode = new Uint8Array(PORTS_MAX);
  /** Access or native VLAN; 0: none. */
  readonly vlan = new Uint16Array(PORTS_MAX);
  readonly mtu = new Uint16Array(PORTS_MAX);
  readonly learning = new Uint8Array(PORTS_MAX);
  readonly offloads = new Uint8Array(PORTS_MAX);
  /** PORT_SET_WORDS words per VLAN: the ports that carry it. */
  readonly members = new Int32Array(VLANS * PORT_SET_WORDS);
  /** PORT_SET_WORDS words per SET_*. */
  readonly sets = new Int32Array(SETS * PORT_SET_WORDS);

  configure(handle: number, config: PortConfig): void {
    this.mode[handle] = MODES[config.mode];
    this.vlan[handle] = config.vlan;
    this.mtu[handle] = config.mtu;
    this.learning[handle] = config.learning ? 1 : 0;
    this.offloads[handle] = config.offloads;
    setBit(this.sets, SET_UP, handle, config.up);
    setBit(this.sets, SET_FLOOD_UNKNOWN, handle, config.floodUnknown);
    setBit(this.sets, SET_FLOOD_MULTICAST, handle, config.floodMulticast);
    setBit(this.sets, SET_FLOOD_BROADCAST, handle, config.floodBroadcast);
    setBit(this.sets, SET_ISOLATED, handle, config.isolated);
    setBit(this.sets, SET_ACCESS, handle, config.mode === 'access');
    const trunked = config.mode === 'access' ? null : new Set(config.trunks);
    for (let vid = VID_MIN; vid <= VID_MAX; vid++) {
      const carried = vid === config.vlan || (trunked !== null && (trunked.size === 0 || trunked.has(vid)));
      setBit(this.members, vid, handle, carried);
    }
  }

  remove(handle: number): void {
    for (let vid = VID_MIN; vid <= VID_MAX; vid++) setBit(this.members, vid, handle, false);
    for (let set = 0; set < SETS; set++) setBit(this.sets, set, handle, false);
  }

  carries(handle: number, vid: number): boolean {
    return hasBit(this.members, vid, handle);
  }

  isIn(set: number, handle: number): boolean {
    return hasBit(this.sets, set, handle);
  }

  /**
   * The VLAN of a frame that arrives on the port with this outer tag (tpid 0: untagged), or a drop verdict (all of which
   * are larger than any VID). A priority tag (VID 0) is classified like no tag.
   */
  classify(handle: number, tpid: number, tci: number): number {
    const vid = tpid === 0 ? 0 : tci & VID_MASK;
    if (vid === 0) return this.vlan[handle]! || UNTAGGED_ON_TRUNK;
    if (vid > VID_MAX) return VID_RESERVED;
    if (this.mode[handle] === MODE_ACCESS || !this.carries(handle, vid)) return NOT_A_MEMBER;
    return vid;
  }

  /** Whether the VLAN's frames leave by the port with a tag. */
  tags(handle: number, vid: number): boolean {
    const mode = this.mode[handle]!;
    if (mode === MODE_ACCESS) return false;
    return mode !== MODE_NATIVE_UNTAGGED || this.vlan[handle] !== vid;
  }
}

/** What `classify` returns for a drop, apart from VIDs by being above them. */
const CLASSIFIED_DROP = VLANS;
const VID_RESERVED = CLASSIFIED_DROP + drop(Drop.VID_RESERVED);
const NOT_A_MEMBER = CLASSIFIED_DROP + drop(Drop.NOT_A_MEMBER);
const UNTAGGED_ON_TRUNK = CLASSIFIED_DROP + drop(Drop.UNTAGGED_ON_TRUNK);

/** The drop verdict in what `classify` returned, or 0 if that is a VLAN. */
export function classifiedDrop(classified: number): number {
  return classified < CLASSIFIED_DROP ? 0 : classified - CLASSIFIED_DROP;
}

/** The TCI to leave with: the frame's VLAN, with the priority it arrived with. */
export function egressTci(vid: number, arrivedTci: number): number {
  return (arrivedTci & PRIORITY_MASK) | vid;
}
