/** What becomes of frames as they enter: each is admitted, and has its VLAN found, or gets a drop verdict. */
import * as admission from '../frame/admit.ts';
import { admit } from '../frame/admit.ts';
import type { Batch } from '../frame/batch.ts';
import * as vlanTag from '../frame/vlan.ts';
import * as vnetHeader from '../frame/vnet-header.ts';
import { RESERVED_ADDRESSES } from '../limits.ts';
import * as boardLayout from '../shared/board.ts';
import type { Happenings } from '../shared/happenings.ts';
import * as dropReasons from '../switching/drop-reasons.ts';
import * as portTable from '../switching/port-table.ts';
import { classifiedDrop, type PortTable } from '../switching/port-table.ts';
import * as verdicts from '../switching/verdict.ts';
import { drop } from '../switching/verdict.ts';
import * as loopProbe from './loop-probe.ts';
import { readProbe } from './loop-probe.ts';
import type { Tally } from './tally.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { RESERVED_ADDRESS, RUNT, SOURCE_NOT_UNICAST, TRUNCATED_TAG } = admission;
const { TAG_BYTES } = vlanTag;
const { GSO_NONE, GSO_TYPE, VNET_HEADER_BYTES } = vnetHeader;
const { Counter } = boardLayout;
const { Drop } = dropReasons;
const { SET_BLOCKED, SET_UP } = portTable;
const { UNDECIDED } = verdicts;
const { PROBE_FIRST_BYTE } = loopProbe;

/** The drop verdict for each answer of `admit` but WELCOME. */
const REFUSED: number[] = [];
REFUSED[RUNT] = drop(Drop.RUNT);
REFUSED[TRUNCATED_TAG] = drop(Drop.TRUNCATED_TAG);
REFUSED[SOURCE_NOT_UNICAST] = drop(Drop.SOURCE_NOT_UNICAST);
REFUSED[RESERVED_ADDRESS] = drop(Drop.RESERVED_ADDRESS);

export interface IngressParts {
  table: PortTable;
  tally: Tally;
  happenings: Happenings;
  /** By which probes of this switch are known (loop-probe.ts). */
  probeTokens: Uint8Array;
}

export class Ingress {
  /** By the last byte of a reserved address (IEEE 802.1Q, table 8-1): 1 for those that are forwarded. */
  readonly forwardReserved = new Uint8Array(RESERVED_ADDRESSES);
  readonly #table: PortTable;
  readonly #tally: Tally;
  readonly #happenings: Happenings;
  readonly #probeTokens: Uint8Array;
  /** Of the batch that is judged. */
  #bytes = 0;
  #superFrames = 0;

  constructor({ table, tally, happenings, probeTokens }: IngressParts) {
    this.#table = table;
    this.#tally = tally;
    this.#happenings = happenings;
    this.#probeTokens = probeTokens;
  }

  /** Admits each frame and finds its VLAN, or gives it a drop verdict; sums up what arrived. */
  classify(batch: Batch, now: number): void {
    const { bytes, offset, length, tpid, tci, vlan, verdict, count, ingress } = batch;
    const table = this.#table;
    const isUp = table.isIn(SET_UP, ingress);
    let receivedBytes = 0;
    let superFrames = 0;
    for (let i = 0; i < count; i++) {
      if (length[i]! < 0) {
        verdict[i] = drop(Drop.OVERSIZE);
        vlan[i] = 0;
        continue;
      }
      receivedBytes += length[i]! + (tpid[i] === 0 ? 0 : TAG_BYTES);
      if (bytes[offset[i]! - VNET_HEADER_BYTES + GSO_TYPE] !== GSO_NONE) superFrames++;
      if (!isUp && !table.isIn(SET_BLOCKED, ingress)) {
        verdict[i] = drop(Drop.INGRESS_DOWN);
        vlan[i] = 0;
        continue;
      }
      const refused = admit(batch, i, this.forwardReserved);
      if (refused === 0 && bytes[offset[i]!] === PROBE_FIRST_BYTE && this.#isOwnProbe(batch, i, now)) {
        verdict[i] = drop(Drop.LOOP_PROBE);
        vlan[i] = 0;
        continue;
      }
      if (refused !== 0 || !isUp) {
        verdict[i] = isUp ? REFUSED[refused]! : drop(Drop.LOOP_BLOCKED);
        vlan[i] = 0;
        continue;
      }
      const classified = table.classify(ingress, tpid[i]!, tci[i]!);
      verdict[i] = classifiedDrop(classified) || UNDECIDED;
      vlan[i] = classified;
    }
    this.#bytes = receivedBytes;
    this.#superFrames = superFrames;
  }

  /** Condemns the batch's only frame, with which workers ended, and looks at nothing of it. */
  condemn({ length, tpid, vlan, verdict }: Batch): void {
    this.#bytes = Math.max(0, length[0]!) + (tpid[0] === 0 ? 0 : TAG_BYTES);
    this.#superFrames = 0;
    vlan[0] = 0;
    verdict[0] = drop(Drop.WORKER_FAULT);
  }

  /** Counts the batch as received. */
  count({ ingress, count }: Batch): void {
    this.#tally.add(ingress, Counter.RX_FRAMES, count);
    this.#tally.add(ingress, Counter.RX_BYTES, this.#bytes);
    if (this.#superFrames > 0) this.#tally.add(ingress, Counter.RX_SUPER_FRAMES, this.#superFrames);
  }

  /** Whether it is a probe of this switch that came back, also by a port that is blocked; that is told. */
  #isOwnProbe({ bytes, offset, length, ingress }: Batch, i: number, now: number): boolean {
    const from = readProbe(bytes, offset[i]!, length[i]!, this.#probeTokens);
    if (from >= 0) this.#happenings.noteLoop(ingress, from, now);
    return from >= 0;
  }
}
