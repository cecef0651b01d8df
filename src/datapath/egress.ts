/**
 * From verdicts to sockets. One straight pass sorts a batch's frames into a pick list per egress port; then every port that
 * got some is served once: each pick is checked against the port's MTU, finished where the port does not take an offload,
 * tagged if the VLAN leaves tagged, and put on the gather list (sender.ts sends it).
 *
 * Counting (a super-frame is one frame): `forwarded` and `flooded` count on the ingress port when the verdict is carried
 * out; each copy then ends in the egress port's `tx.frames` or `tx.drops`.
 */
import type { Batch } from '../frame/batch.ts';
import * as ethernet from '../frame/ethernet.ts';
import { etherType } from '../frame/ethernet.ts';
import { completeChecksum } from '../frame/offload/checksum.ts';
import { segmentLength, Segmenter } from '../frame/offload/segment.ts';
import * as vlanTag from '../frame/vlan.ts';
import { isTagTpid, writeTag } from '../frame/vlan.ts';
import * as vnetHeader from '../frame/vnet-header.ts';
import { clearVnetHeader, offloadsNeeded } from '../frame/vnet-header.ts';
import * as limits from '../limits.ts';
import type { GatherList } from '../ports/gather-list.ts';
import * as gatherList from '../ports/gather-list.ts';
import type { Port } from '../ports/port.ts';
import * as boardLayout from '../shared/board.ts';
import * as dropReasons from '../switching/drop-reasons.ts';
import { innerKey } from '../switching/inner-tag.ts';
import * as portSet from '../switching/port-set.ts';
import * as portTable from '../switching/port-table.ts';
import type { PortTable } from '../switching/port-table.ts';
import type { Reach } from '../switching/reach.ts';
import * as verdicts from '../switching/verdict.ts';
import type { DropSamples } from '../shared/drop-samples.ts';
import { EgressTags } from './egress-tags.ts';
import * as sending from './sender.ts';
import { Sender } from './sender.ts';
import * as stormLimiter from './storm-limiter.ts';
import { floodClass, type StormLimiter } from './storm-limiter.ts';
import type { Tally } from './tally.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { ADDRESSES_BYTES, HEADER_BYTES } = ethernet;
const { NO_TAG, TAG_BYTES } = vlanTag;
const { FLAGS, GSO_NONE, GSO_TYPE, VNET_HEADER_BYTES } = vnetHeader;
const { BATCH_FRAMES_MAX, PORTS_MAX, SEGMENTS_MAX } = limits;
const { HEAD_BYTES_MAX } = gatherList;
const { Counter } = boardLayout;
const { Drop } = dropReasons;
const { PORT_SET_WORDS } = portSet;
const { SET_FLOOD } = portTable;
const { FIRST_DROP, FLOOD } = verdicts;
const { STORM_REASONS } = stormLimiter;
const { LAST_SEGMENT, SEGMENT, SUPER, WHOLE } = sending;

/** In `longest`: a super-frame whose virtio-net header does not fit its bytes. */
const MALFORMED = 0;

/** In `needed`: no offload that a port could take expresses the frame. */
const INEXPRESSIBLE = 0xff;

export interface EgressParts {
  table: PortTable;
  reach: Reach;
  ports: readonly (Port | null)[];
  list: GatherList;
  tally: Tally;
  storms: StormLimiter;
  samples: DropSamples;
}

export class Egress {
  readonly #table: PortTable;
  readonly #reach: Reach;
  readonly #ports: readonly (Port | null)[];
  readonly #list: GatherList;
  readonly #tally: Tally;
  readonly #storms: StormLimiter;
  readonly #sender: Sender;
  readonly #tags: EgressTags;
  readonly #segmenter = new Segmenter();

  readonly #picks: Uint16Array[] = [];
  readonly #picked = new Uint16Array(PORTS_MAX);
  readonly #touched = new Uint16Array(PORTS_MAX);
  #touchedCount = 0;
  /** Per frame: bytes of the longest wire frame it becomes, without tags; or MALFORMED. */
  readonly #longest = new Int32Array(BATCH_FRAMES_MAX);
  /** Per frame: OFFLOAD_* bits its egress must take, or INEXPRESSIBLE. */
  readonly #needed = new Uint8Array(BATCH_FRAMES_MAX);
  #now = 0;

  constructor({ table, reach, ports, list, tally, storms, samples }: EgressParts) {
    this.#table = table;
    this.#reach = reach;
    this.#ports = ports;
    this.#list = list;
    this.#tally = tally;
    this.#storms = storms;
    this.#sender = new Sender(list, tally, samples);
    this.#tags = new EgressTags(table);
    for (let handle = 0; handle < PORTS_MAX; handle++) this.#picks.push(new Uint16Array(BATCH_FRAMES_MAX));
  }

  /** Carries out the verdicts of a batch. @param now FDB ticks */
  dispatch(batch: Batch, now: number): void {
    this.#now = now;
    this.#sender.now = now;
    const { verdict, count, ingress } = batch;
    let forwarded = 0;
    for (let i = 0; i < count; i++) {
      const v = verdict[i]!;
      if (v < FLOOD) {
        this.#measure(batch, i);
        this.#pick(v, i);
        forwarded++;
      } else if (v === FLOOD) {
        this.#flood(batch, i);
      } else {
        this.#sender.dropAtIngress(batch, i, v - FIRST_DROP);
      }
    }
    if (forwarded > 0) this.#tally.add(ingress, Counter.FORWARDED, forwarded);
    this.#serveAll(batch);
  }

  /** Sends copies of frames that logics asked for beside the verdicts; each counts like one of a flood. */
  sendCopies(batch: Batch, frames: Uint16Array, handles: Uint16Array, count: number): void {
    // A pick list holds a batch.
    for (let begin = 0; begin < count; begin += BATCH_FRAMES_MAX) {
      const end = Math.min(count, begin + BATCH_FRAMES_MAX);
      for (let k = begin; k < end; k++) {
        this.#measure(batch, frames[k]!);
        this.#pick(handles[k]!, frames[k]!);
      }
      this.#tally.add(batch.ingress, Counter.FLOOD_COPIES, end - begin);
      this.#serveAll(batch);
    }
  }

  /** Sends frames that came in by no port, each by the one that its verdict names; they count there. */
  sendOwn(own: Batch): void {
    for (let i = 0; i < own.count; i++) {
      const handle = own.verdict[i]!;
      this.#measure(own, i);
      this.#pick(handle, i);
      this.#tally.add(handle, Counter.FLOOD_COPIES, 1);
    }
    this.#serveAll(own, true);
  }

  /** @param isOwn the frames are taken for ones that entered where they leave: so they are untagged inside their VLAN */
  #serveAll(batch: Batch, isOwn = false): void {
    for (let k = 0; k < this.#touchedCount; k++) {
      const handle = this.#touched[k]!;
      if (isOwn) batch.ingress = handle;
      this.#serve(this.#ports[handle]!, batch);
      this.#picked[handle] = 0;
    }
    this.#touchedCount = 0;
  }

  #pick(handle: number, i: number): void {
    const picked = this.#picked[handle]!;
    if (picked === 0) this.#touched[this.#touchedCount++] = handle;
    this.#picks[handle]![picked] = i;
    this.#picked[handle] = picked + 1;
  }

  /** What all egress ports need to know of a frame. */
  #measure(batch: Batch, i: number): void {
    const { bytes } = batch;
    const frame = batch.offset[i]!;
    const header = frame - VNET_HEADER_BYTES;
    const length = batch.length[i]!;
    const unfinished = (bytes[header + FLAGS]! & 1) | bytes[header + GSO_TYPE]!;
    this.#needed[i] = unfinished === 0 ? 0 : (offloadsNeeded(bytes, header) ?? INEXPRESSIBLE);
    this.#longest[i] = bytes[header + GSO_TYPE] === GSO_NONE ? length : segmentLength(bytes, header, frame, length);
  }

  /** Picks the frame for every other port that carries its VLAN and takes this kind of flood. */
  #flood(batch: Batch, i: number): void {
    const { members, sets, takesInner } = this.#table;
    const { candidates, tunnelled } = this.#reach;
    const { bytes, ingress } = batch;
    const floodOf = floodClass(bytes, batch.offset[i]!);
    if (!this.#storms.allows(batch, i, floodOf, this.#now)) {
      this.#sender.dropAtIngress(batch, i, STORM_REASONS[floodOf]!);
      return;
    }
    this.#measure(batch, i);
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
    if (copies === 0) {
      this.#sender.dropAtIngress(batch, i, Drop.NO_EGRESS);
    } else {
      this.#tally.add(ingress, Counter.FLOODED, 1);
      this.#tally.add(ingress, Counter.FLOOD_COPIES, copies);
    }
  }

  /** Sends a port what was picked for it. */
  #serve(port: Port, batch: Batch): void {
    const { handle } = port;
    const table = this.#table;
    const list = this.#list;
    const picks = this.#picks[handle]!;
    const picked = this.#picked[handle]!;
    const mtu = table.mtu[handle]!;
    const takes = table.offloads[handle]!;
    this.#tags.begin(batch.ingress, handle);
    for (let k = 0; k < picked; k++) {
      const i = picks[k]!;
      if (this.#longest[i]! - HEADER_BYTES > mtu && this.#isTooLong(batch, i, mtu)) {
        this.#sender.dropAtEgress(batch, i, handle, Drop.OVER_MTU);
      } else if (this.#longest[i] === MALFORMED) {
        this.#sender.dropAtEgress(batch, i, handle, Drop.BAD_OFFLOAD);
      } else if ((this.#needed[i]! & ~takes) !== 0) {
        this.#sendFinished(port, batch, i);
      } else {
        if (list.full) this.#sender.flush(port, batch);
        this.#add(batch, i);
      }
    }
    this.#sender.flush(port, batch);
  }

  /** An inner tag counts no more than the outer one. */
  #isTooLong(batch: Batch, i: number, mtu: number): boolean {
    const innerTag = isTagTpid(etherType(batch.bytes, batch.offset[i]!)) ? TAG_BYTES : 0;
    return this.#longest[i]! - HEADER_BYTES - innerTag > mtu;
  }

  #add(batch: Batch, i: number): void {
    const frame = batch.offset[i]!;
    const kind = batch.bytes[frame - VNET_HEADER_BYTES + GSO_TYPE] === GSO_NONE ? WHOLE : SUPER;
    const note = this.#sender.note(kind, i);
    const tags = this.#tags;
    tags.choose(batch, i);
    if (tags.outer === NO_TAG) this.#list.addWhole(frame, batch.length[i]!, note);
    else this.#list.addTagged(frame, batch.length[i]!, tags.outer, tags.inner, note);
  }

  /** Sends a frame to a port that does not take it unfinished. */
  #sendFinished(port: Port, batch: Batch, i: number): void {
    const { bytes } = batch;
    const frame = batch.offset[i]!;
    const header = frame - VNET_HEADER_BYTES;
    const length = batch.length[i]!;
    if (this.#needed[i] === INEXPRESSIBLE) {
      this.#sender.dropAtEgress(batch, i, port.handle, Drop.BAD_OFFLOAD);
    } else if (bytes[header + GSO_TYPE] !== GSO_NONE) {
      this.#sendSegments(port, batch, i);
    } else if (completeChecksum(bytes, header, frame, length)) {
      // In place: a finished frame is right for every other port too.
      this.#needed[i] = 0;
      if (this.#list.full) this.#sender.flush(port, batch);
      this.#add(batch, i);
    } else {
      this.#sender.dropAtEgress(batch, i, port.handle, Drop.BAD_OFFLOAD);
    }
  }

  #sendSegments(port: Port, batch: Batch, i: number): void {
    const { bytes } = batch;
    const list = this.#list;
    const segmenter = this.#segmenter;
    const frame = batch.offset[i]!;
    this.#tags.choose(batch, i);
    const { outer, inner } = this.#tags;
    const tagBytes = (outer === NO_TAG ? 0 : TAG_BYTES) + (inner === NO_TAG ? 0 : TAG_BYTES);
    const segments = segmenter.begin(bytes, frame - VNET_HEADER_BYTES, frame, batch.length[i]!);
    const headBytes = VNET_HEADER_BYTES + tagBytes + segmenter.headerBytes;
    if (segments === 0 || segments > SEGMENTS_MAX || headBytes > HEAD_BYTES_MAX) {
      this.#sender.dropAtEgress(batch, i, port.handle, Drop.BAD_OFFLOAD);
      return;
    }
    for (let k = 0; k < segments; k++) {
      if (list.full) this.#sender.flush(port, batch);
      const head = list.nextHead();
      const start = head + VNET_HEADER_BYTES;
      clearVnetHeader(bytes, head);
      segmenter.writeHeaders(k, start + tagBytes);
      if (outer !== NO_TAG) {
        bytes.copyWithin(start, start + tagBytes, start + tagBytes + ADDRESSES_BYTES);
        const end = writeTag(bytes, start + ADDRESSES_BYTES, outer);
        if (inner !== NO_TAG) writeTag(bytes, end, inner);
      }
      const kind = k + 1 === segments ? LAST_SEGMENT : SEGMENT;
      const note = this.#sender.note(kind, i);
      list.addHeaded(headBytes, segmenter.payloadAt(k), segmenter.payloadBytes(k), note);
    }
  }
}
