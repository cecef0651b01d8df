/**
 * Puts frames that are to leave by one port on the gather list, as that port takes them: each is checked against its MTU,
 * finished where it does not take an offload, and tagged. Whoever counts what became of them is the `sender`: that of the
 * frames that are forwarded, or that of mirrored copies.
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
import * as dropReasons from '../switching/drop-reasons.ts';
import type { DropReason } from '../switching/drop-reasons.ts';
import type { PortTable } from '../switching/port-table.ts';
import type { EgressTags } from './egress-tags.ts';
import * as messageNote from './message-note.ts';

// Constants of this module: the engine folds those, and loads imported ones with every use.
const { ADDRESSES_BYTES, HEADER_BYTES } = ethernet;
const { NO_TAG, TAG_BYTES } = vlanTag;
const { FLAGS, GSO_NONE, GSO_TYPE, VNET_HEADER_BYTES } = vnetHeader;
const { BATCH_FRAMES_MAX, SEGMENTS_MAX } = limits;
const { HEAD_BYTES_MAX } = gatherList;
const { Drop } = dropReasons;
const { LAST_SEGMENT, SEGMENT, SUPER, WHOLE } = messageNote;

/** In `longest`: a super-frame whose virtio-net header does not fit its bytes. */
const MALFORMED = 0;

/** In `needed`: no offload that a port could take expresses the frame. */
const INEXPRESSIBLE = 0xff;

/** Sends lists, and counts how each frame fared. */
export interface OutboundSender {
  /** The note on a message that is put on the list. */
  note(kind: number, i: number): number;
  /** Sends what is on the list, if anything is, and clears it. */
  flush(port: Port, batch: Batch): void;
  dropAtEgress(batch: Batch, i: number, handle: number, reason: DropReason): void;
}

export class Outbound {
  readonly #table: PortTable;
  readonly #list: GatherList;
  readonly #sender: OutboundSender;
  readonly #tags: EgressTags;
  readonly #segmenter = new Segmenter();
  /** Per frame: bytes of the longest wire frame it becomes, without tags; or MALFORMED. */
  readonly #longest = new Int32Array(BATCH_FRAMES_MAX);
  /** Per frame: OFFLOAD_* bits its egress must take, or INEXPRESSIBLE. */
  readonly #needed = new Uint8Array(BATCH_FRAMES_MAX);

  /** @param tags to be begun by the caller before each `serve` */
  constructor(table: PortTable, list: GatherList, sender: OutboundSender, tags: EgressTags) {
    this.#table = table;
    this.#list = list;
    this.#sender = sender;
    this.#tags = tags;
  }

  /** Finds what all egress ports need to know of a frame, before any is served with it. */
  measure(batch: Batch, i: number): void {
    const { bytes } = batch;
    const frame = batch.offset[i]!;
    const header = frame - VNET_HEADER_BYTES;
    const length = batch.length[i]!;
    const unfinished = (bytes[header + FLAGS]! & 1) | bytes[header + GSO_TYPE]!;
    this.#needed[i] = unfinished === 0 ? 0 : (offloadsNeeded(bytes, header) ?? INEXPRESSIBLE);
    this.#longest[i] = bytes[header + GSO_TYPE] === GSO_NONE ? length : segmentLength(bytes, header, frame, length);
  }

  /** Sends a port the first `picked` frames of `picks`. */
  serve(port: Port, batch: Batch, picks: Uint16Array, picked: number): void {
    const { handle } = port;
    const table = this.#table;
    const list = this.#list;
    const mtu = table.mtu[handle]!;
    const takes = table.offloads[handle]!;
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
