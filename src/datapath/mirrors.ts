/**
 * Mirrored copies: what enters or leaves a port is sent out of another one as well. A copy is none of the frames that the
 * switch forwards: it has counters of its own at the port that it is for, teaches no address, and is never copied again.
 * Received frames are copied before they are forwarded, with the tags they came with; sent ones after they have left, with the
 * tags they left with; a port that does not take them unfinished gets them finished or in segments.
 */
import type { Batch } from '../frame/batch.ts';
import * as ethernet from '../frame/ethernet.ts';
import * as limits from '../limits.ts';
import type { GatherList } from '../ports/gather-list.ts';
import type { Port } from '../ports/port.ts';
import * as boardLayout from '../shared/board.ts';
import type { WireMirror } from '../shared/commands.ts';
import * as portTable from '../switching/port-table.ts';
import type { PortTable } from '../switching/port-table.ts';
import { CopySender } from './copy-sender.ts';
import { EgressTags } from './egress-tags.ts';
import { enteredVlan } from './entered-vlan.ts';
import { Outbound } from './outbound.ts';
import type { Tally } from './tally.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { HEADER_BYTES } = ethernet;
const { BATCH_FRAMES_MAX, PORTS_MAX, VLANS } = limits;
const { Counter } = boardLayout;
const { SET_UP } = portTable;

interface Mirror {
  /** Handle of the port that gets the copies. */
  readonly to: number;
  readonly received: boolean;
  readonly sent: boolean;
  /** A byte per VLAN; null: all. */
  readonly vlans: Uint8Array | null;
}

export class Mirrors {
  /** Whether any port has one. */
  isActive = false;
  readonly #ports: readonly (Port | null)[];
  readonly #table: PortTable;
  readonly #tally: Tally;
  readonly #tags: EgressTags;
  readonly #outbound: Outbound;
  readonly #mirrors: (Mirror | null)[] = Array.from({ length: PORTS_MAX }, () => null);
  readonly #picks = new Uint16Array(BATCH_FRAMES_MAX);
  #picked = 0;

  constructor(table: PortTable, ports: readonly (Port | null)[], list: GatherList, tally: Tally) {
    this.#table = table;
    this.#ports = ports;
    this.#tally = tally;
    this.#tags = new EgressTags(table);
    this.#outbound = new Outbound(table, list, new CopySender(list, tally), this.#tags);
  }

  configure(handle: number, mirror: WireMirror | null): void {
    this.#mirrors[handle] =
      mirror === null || mirror.to === null ? null : { ...mirror, to: mirror.to, vlans: setOf(mirror.vlans) };
    this.isActive = this.#mirrors.some((each) => each !== null);
  }

  /** Copies what entered, of a batch that has been classified and not decided on. */
  copyReceived(batch: Batch): void {
    const mirror = this.#mirrors[batch.ingress] ?? null;
    if (mirror === null || !mirror.received) return;
    const { vlans } = mirror;
    for (let i = 0; i < batch.count; i++) {
      if (vlans !== null && vlans[enteredVlan(batch, i)] === 0) continue;
      // Of these not even the addresses have come.
      if (batch.length[i]! < HEADER_BYTES) this.#tally.add(mirror.to, Counter.MIRROR_DROPS, 1);
      else this.#picks[this.#picked++] = i;
    }
    this.#tags.beginAsEntered();
    this.#copy(batch, mirror.to);
  }

  wantsSent(handle: number): boolean {
    return this.#mirrors[handle]?.sent ?? false;
  }

  /** A frame of the batch has left by a port that wants it copied. */
  noteSent(i: number): void {
    this.#picks[this.#picked++] = i;
  }

  /** Copies what has been noted, and left by the port. */
  copySent(batch: Batch, handle: number): void {
    const mirror = this.#mirrors[handle] ?? null;
    if (mirror === null || this.#picked === 0) return;
    this.#keepVlans(batch, mirror.vlans);
    this.#tags.begin(batch.ingress, handle);
    this.#copy(batch, mirror.to);
  }

  #keepVlans(batch: Batch, vlans: Uint8Array | null): void {
    if (vlans === null) return;
    const picks = this.#picks;
    let kept = 0;
    for (let k = 0; k < this.#picked; k++) if (vlans[batch.vlan[picks[k]!]!] === 1) picks[kept++] = picks[k]!;
    this.#picked = kept;
  }

  /** Sends what is picked, and picks anew. */
  #copy(batch: Batch, to: number): void {
    const port = this.#ports[to];
    if (port && this.#table.isIn(SET_UP, to)) {
      for (let k = 0; k < this.#picked; k++) this.#outbound.measure(batch, this.#picks[k]!);
      this.#outbound.serve(port, batch, this.#picks, this.#picked);
    } else {
      this.#tally.add(to, Counter.MIRROR_DROPS, this.#picked);
    }
    this.#picked = 0;
  }
}

function setOf(vlans: readonly number[]): Uint8Array | null {
  if (vlans.length === 0) return null;
  const set = new Uint8Array(VLANS);
  for (const vlan of vlans) set[vlan] = 1;
  return set;
}
