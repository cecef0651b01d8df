/**
 * The tags a frame leaves a port with. `outer` and `inner` are those to push onto the bytes, which hold what came behind the
 * tag that the frame arrived with: the VLAN's own tag where the port sends it tagged, the frame's own where it entered by a
 * tunnel, a priority tag where the port wants one. One object per worker, filled anew for each frame.
 */
import type { Batch } from '../frame/batch.ts';
import { etherType } from '../frame/ethernet.ts';
import * as vlanTag from '../frame/vlan.ts';
import { isTagTpid, tagOf } from '../frame/vlan.ts';
import * as portTable from '../switching/port-table.ts';
import { egressTci, type PortTable } from '../switching/port-table.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { NO_TAG, PCP_SHIFT, PRIORITY_MASK, TPID_CUSTOMER } = vlanTag;
const { MODE_ACCESS, MODE_TRANSPARENT, PRIORITY_TAGS_ALWAYS, PRIORITY_TAGS_NEVER } = portTable;

export class EgressTags {
  outer = NO_TAG;
  inner = NO_TAG;
  readonly #table: PortTable;
  #egress = 0;
  #tunnelled = false;
  /** TPID of the service tag for frames that entered by a tunnel. */
  #serviceTpid = 0;
  #priorityTags = PRIORITY_TAGS_NEVER;
  /** No frame gets a tag, whatever it is: what most ports do. */
  #never = false;
  /** Each frame gets the tag that it came with. */
  #asEntered = false;

  constructor(table: PortTable) {
    this.#table = table;
  }

  /** The frames to come entered by one port, and leave by the other. */
  begin(ingress: number, egress: number): void {
    const table = this.#table;
    this.#egress = egress;
    this.#tunnelled = table.tunnels(ingress);
    this.#serviceTpid = table.tpid[ingress]!;
    // Between transparent ports a frame passes as it is.
    const isWire = table.mode[ingress] === MODE_TRANSPARENT && table.mode[egress] === MODE_TRANSPARENT;
    this.#priorityTags = isWire ? PRIORITY_TAGS_NEVER : table.priorityTags[egress]!;
    this.#never = table.mode[egress] === MODE_ACCESS && !this.#tunnelled && this.#priorityTags === PRIORITY_TAGS_NEVER;
    this.#asEntered = false;
    this.outer = NO_TAG;
    this.inner = NO_TAG;
  }

  /** The frames to come leave with the tags that they entered with. */
  beginAsEntered(): void {
    this.#never = false;
    this.#asEntered = true;
    this.inner = NO_TAG;
  }

  choose(batch: Batch, i: number): void {
    if (this.#never) return;
    if (this.#asEntered) {
      this.outer = tagOf(batch.tpid[i]!, batch.tci[i]!);
      return;
    }
    const vlan = batch.vlan[i]!;
    const isTagged = this.#table.tags(this.#egress, vlan);
    if (this.#tunnelled) {
      const own = tagOf(batch.tpid[i]!, batch.tci[i]!);
      this.outer = isTagged ? tagOf(this.#serviceTpid, vlan) : own;
      this.inner = isTagged ? own : NO_TAG;
    } else {
      this.outer = isTagged ? tagOf(batch.tpid[i]! || TPID_CUSTOMER, egressTci(vlan, batch.tci[i]!)) : NO_TAG;
      this.inner = NO_TAG;
    }
    if (this.outer === NO_TAG && this.#priorityTags !== PRIORITY_TAGS_NEVER) this.#addPriority(batch, i);
  }

  /** A frame without any tag gets one that says its priority alone, as the port wishes. */
  #addPriority(batch: Batch, i: number): void {
    if (isTagTpid(etherType(batch.bytes, batch.offset[i]!))) return;
    const priority = this.#tunnelled ? 0 : batch.tci[i]! & PRIORITY_MASK;
    if (priority >>> PCP_SHIFT !== 0 || this.#priorityTags === PRIORITY_TAGS_ALWAYS) {
      this.outer = tagOf(TPID_CUSTOMER, priority);
    }
  }
}
