/**
 * From verdicts to sockets. One straight pass sorts a batch's frames into a pick list per egress port; then every port that
 * got some is served once (outbound.ts puts its picks on the gather list as it takes them, sender.ts sends it).
 *
 * Counting (a super-frame is one frame): `forwarded` and `flooded` count on the ingress port once all of the batch are sorted;
 * each copy then ends in the egress port's `tx.frames` or `tx.drops`, and is `UNSENT` there until it does. So at any moment the
 * counters say what a worker that ends just then leaves undone (takeover.ts).
 */
import type { Batch } from '../frame/batch.ts';
import * as limits from '../limits.ts';
import type { GatherList } from '../ports/gather-list.ts';
import type { Port } from '../ports/port.ts';
import * as boardLayout from '../shared/board.ts';
import type { DropSamples } from '../shared/drop-samples.ts';
import * as dropReasons from '../switching/drop-reasons.ts';
import { innerKey } from '../switching/inner-tag.ts';
import * as portSet from '../switching/port-set.ts';
import * as portTable from '../switching/port-table.ts';
import type { PortTable } from '../switching/port-table.ts';
import type { Reach } from '../switching/reach.ts';
import * as verdicts from '../switching/verdict.ts';
import { EgressTags } from './egress-tags.ts';
import type { Mirrors } from './mirrors.ts';
import { Outbound } from './outbound.ts';
import type { Recorder } from './recorder.ts';
import { Sender } from './sender.ts';
import * as stormLimiter from './storm-limiter.ts';
import { floodClass, type StormLimiter } from './storm-limiter.ts';
import type { Tally } from './tally.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { BATCH_FRAMES_MAX, PORTS_MAX } = limits;
const { Counter } = boardLayout;
const { Drop } = dropReasons;
const { PORT_SET_WORDS } = portSet;
const { SET_FLOOD } = portTable;
const { FIRST_DROP, FLOOD } = verdicts;
const { STORM_REASONS } = stormLimiter;

export interface EgressParts {
  table: PortTable;
  reach: Reach;
  ports: readonly (Port | null)[];
  list: GatherList;
  tally: Tally;
  storms: StormLimiter;
  samples: DropSamples;
  recorder: Recorder;
  mirrors: Mirrors;
}

export class Egress {
  readonly #table: PortTable;
  readonly #reach: Reach;
  readonly #ports: readonly (Port | null)[];
  readonly #tally: Tally;
  readonly #storms: StormLimiter;
  readonly #sender: Sender;
  readonly #tags: EgressTags;
  readonly #outbound: Outbound;
  readonly #mirrors: Mirrors;
  readonly #recorder: Recorder;

  readonly #picks: Uint16Array[] = [];
  readonly #picked = new Uint16Array(PORTS_MAX);
  readonly #touched = new Uint16Array(PORTS_MAX);
  #touchedCount = 0;
  #now = 0;

  constructor({ table, reach, ports, list, tally, storms, samples, recorder, mirrors }: EgressParts) {
    this.#table = table;
    this.#reach = reach;
    this.#ports = ports;
    this.#tally = tally;
    this.#storms = storms;
    this.#mirrors = mirrors;
    this.#recorder = recorder;
    this.#sender = new Sender({ list, tally, samples, recorder, mirrors });
    this.#tags = new EgressTags(table);
    this.#outbound = new Outbound(table, list, this.#sender, this.#tags);
    for (let handle = 0; handle < PORTS_MAX; handle++) this.#picks.push(new Uint16Array(BATCH_FRAMES_MAX));
  }

  /** Carries out the verdicts of a batch. @param now FDB ticks */
  dispatch(batch: Batch, now: number): void {
    this.#now = now;
    this.#sender.now = now;
    const { verdict, count, ingress } = batch;
    let forwarded = 0;
    let flooded = 0;
    let floodCopies = 0;
    for (let i = 0; i < count; i++) {
      const v = verdict[i]!;
      if (v < FLOOD) {
        this.#outbound.measure(batch, i);
        this.#pick(v, i);
        forwarded++;
      } else if (v === FLOOD) {
        const copies = this.#flood(batch, i);
        if (copies > 0) flooded++;
        floodCopies += copies;
      } else {
        this.#sender.dropAtIngress(batch, i, v - FIRST_DROP);
      }
    }
    if (forwarded > 0) this.#tally.add(ingress, Counter.FORWARDED, forwarded);
    if (flooded > 0) {
      this.#tally.add(ingress, Counter.FLOODED, flooded);
      this.#tally.add(ingress, Counter.FLOOD_COPIES, floodCopies);
    }
    this.#serveAll(batch);
  }

  /** Sends copies of frames that logics asked for beside the verdicts; each counts like one of a flood. */
  sendCopies(batch: Batch, frames: Uint16Array, handles: Uint16Array, count: number): void {
    // A pick list holds a batch.
    for (let begin = 0; begin < count; begin += BATCH_FRAMES_MAX) {
      const end = Math.min(count, begin + BATCH_FRAMES_MAX);
      for (let k = begin; k < end; k++) {
        this.#outbound.measure(batch, frames[k]!);
        this.#pick(handles[k]!, frames[k]!);
      }
      this.#tally.add(batch.ingress, Counter.FLOOD_COPIES, end - begin);
      this.#serveAll(batch);
    }
  }

  /** Sends frames that came in by no port, each by the one that its verdict names; they count there. */
  sendOwn(own: Batch): void {
    if (this.#recorder.isActive) this.#recorder.made(own);
    for (let i = 0; i < own.count; i++) {
      const handle = own.verdict[i]!;
      this.#outbound.measure(own, i);
      this.#pick(handle, i);
    }
    for (let i = 0; i < own.count; i++) this.#tally.add(own.verdict[i]!, Counter.FLOOD_COPIES, 1);
    this.#serveAll(own, true);
    if (this.#recorder.isActive) this.#recorder.finish();
  }

  /** @param isOwn the frames are taken for ones that entered where they leave: so they are untagged inside their VLAN */
  #serveAll(batch: Batch, isOwn = false): void {
    for (let k = 0; k < this.#touchedCount; k++) {
      const handle = this.#touched[k]!;
      this.#tally.add(handle, Counter.UNSENT, this.#picked[handle]!);
    }
    for (let k = 0; k < this.#touchedCount; k++) {
      const handle = this.#touched[k]!;
      if (isOwn) batch.ingress = handle;
      this.#tags.begin(batch.ingress, handle);
      this.#outbound.serve(this.#ports[handle]!, batch, this.#picks[handle]!, this.#picked[handle]!);
      this.#picked[handle] = 0;
      if (this.#mirrors.isActive) this.#mirrors.copySent(batch, handle);
    }
    this.#touchedCount = 0;
  }

  #pick(handle: number, i: number): void {
    const picked = this.#picked[handle]!;
    if (picked === 0) this.#touched[this.#touchedCount++] = handle;
    this.#picks[handle]![picked] = i;
    this.#picked[handle] = picked + 1;
  }

  /** Picks the frame for every other port that carries its VLAN and takes this kind of flood. @returns for how many; 0: it is dropped */
  #flood(batch: Batch, i: number): number {
    const { members, sets, takesInner } = this.#table;
    const { candidates, tunnelled } = this.#reach;
    const floodOf = floodClass(batch.bytes, batch.offset[i]!);
    if (!this.#storms.allows(batch, i, floodOf, this.#now)) {
      this.#sender.dropAtIngress(batch, i, STORM_REASONS[floodOf]!);
      return 0;
    }
    this.#outbound.measure(batch, i);
    const vlan = batch.vlan[i]! * PORT_SET_WORDS;
    const takers = (SET_FLOOD + floodOf) * PORT_SET_WORDS;
    const inner = innerKey(batch, i, tunnelled) * PORT_SET_WORDS;
    let copies = 0;
    for (let w = 0; w < PORT_SET_WORDS; w++) {
      let word = candidates[w]! & members[vlan + w]! & sets[takers + w]! & takesInner[inner + w]!;
      while (word !== 0) {
        const bit = 31 - Math.clz32(word);
        word &= ~(1 << bit);
        this.#pick(w * 32 + bit, i);
        copies++;
      }
    }
    if (copies === 0) this.#sender.dropAtIngress(batch, i, Drop.NO_EGRESS);
    return copies;
  }
}
