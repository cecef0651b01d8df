/**
 * One pcapng section under way: its interfaces, one per port, and where its bytes go, a file or a stream. A stream's taker says
 * what it has taken; what it is too slow for waits, but only so much, and then frames are missed.
 */
import { ADDRESSES_BYTES } from '../frame/ethernet.ts';
import { NO_TAG, TAG_BYTES, writeTag } from '../frame/vlan.ts';
import { VNET_HEADER_BYTES } from '../frame/vnet-header.ts';
import type { CaptureReport, OutputPlace } from '../shared/capture-messages.ts';
import { type CaptureRingReader, RECEIVED, RECORD } from '../shared/capture-ring.ts';
import { CaptureFile, fileProblem } from './capture-file.ts';
import { offloadComment, placeComment } from './comment.ts';
import { type Options, packetOptions, PcapngWriter } from '../shared/pcapng.ts';

/** Bytes of a stream that are on their way to its taker, and that wait for it to have taken some. */
const UNTAKEN_BYTES_MAX = 4 * 1024 * 1024;
const WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** A stream is never silent for longer, as connections without a byte are ended. */
const SILENCE_MS_MAX = 15_000;
/** Options of packets that are kept for the next one of the kind. */
const OPTIONS_KEPT_MAX = 4096;

interface Interface {
  id: number;
  snapLength: number;
  frames: number;
  missed: number;
}

export interface OutputOptions {
  number: number;
  place: OutputPlace;
  application: string;
  nameOf: (port: number) => string;
  /** Microseconds since 1970. */
  now: () => number;
  report: (report: CaptureReport, transfer?: ArrayBuffer[]) => void;
}

export class Output {
  readonly #options: OutputOptions;
  readonly #file: CaptureFile | null;
  readonly #writer = new PcapngWriter();
  /** By port, in the order of their ids. */
  readonly #interfaces = new Map<number, Interface>();
  readonly #kept = new Map<string, Options>();
  #started: number;
  #untaken = 0;
  #lastByteMs = performance.now();
  #hasFailed = false;

  /** @throws what opening the file throws */
  constructor(options: OutputOptions) {
    this.#options = options;
    const { place } = options;
    this.#file = place.file === null ? null : new CaptureFile(place.file);
    this.#started = options.now();
    this.#beginSection();
  }

  /** Whether a frame can be written now. */
  get hasRoom(): boolean {
    return !this.#hasFailed && (this.#file !== null || this.#writer.pending < WAITING_BYTES_MAX);
  }

  /** The port has an interface in the section, also if it stays silent. */
  describe(port: number, snapLength: number): void {
    this.#interfaceOf(port, snapLength);
  }

  /** @returns bytes of the section that the frame took */
  write(ring: CaptureRingReader, record: number, micros: number, snapLength: number): number {
    const { words } = ring;
    const of = this.#interfaceOf(words[record + RECORD.PORT]!, snapLength);
    const tag = words[record + RECORD.TAG]!;
    const first = words[record + RECORD.FIRST]!;
    const second = words[record + RECORD.SECOND]!;
    const begin = (record + RECORD.DATA) << 2;
    const firstBytes = first >>> 2;
    const secondAt = begin + ((((first & 3) + firstBytes + 3) >>> 2) << 2) + (second & 3);
    // Before the addresses are whole there is no place for a tag.
    const shift = tag === NO_TAG || firstBytes < ADDRESSES_BYTES ? 0 : TAG_BYTES;
    const captured = Math.min(snapLength, firstBytes + (second >>> 2) + shift);
    const length = words[record + RECORD.LENGTH]! + (tag === NO_TAG ? 0 : TAG_BYTES);
    const before = this.#writer.pending;
    const options = this.#optionsOf(ring, record, shift, length);
    let at = this.#writer.packet(of.id, micros, captured, length, options);
    const end = at + captured;
    const out = this.#writer.bytes;
    let from = begin + (first & 3);
    if (shift > 0) {
      at = copy(ring.bytes, from, out, at, Math.min(ADDRESSES_BYTES, end - at));
      // What is cut off lands on the options' place and would spoil them.
      if (end - at >= TAG_BYTES) at = writeTag(out, at, tag);
      else at = copy(tagBytes(tag), 0, out, at, end - at);
      from += ADDRESSES_BYTES;
    }
    const left = firstBytes - (from - begin - (first & 3));
    at = copy(ring.bytes, from, out, at, Math.min(left, end - at));
    copy(ring.bytes, secondAt, out, at, end - at);
    of.frames++;
    return this.#writer.pending - before;
  }

  noteMissed(port: number, frames: number, snapLength: number): void {
    this.#interfaceOf(port, snapLength).missed += frames;
  }

  /** Bytes of a stream have reached its taker. */
  noteTaken(bytes: number): void {
    this.#untaken -= bytes;
  }

  /** Hands over what was written; keeps a silent stream alive. */
  flush(): void {
    const { place } = this.#options;
    const isSilent = performance.now() - this.#lastByteMs > SILENCE_MS_MAX;
    if (this.#file === null && isSilent && this.#writer.pending === 0) {
      if (this.#interfaces.size > 0) this.#writeStatistics();
      else this.#beginSection();
    }
    if (this.#writer.pending === 0 || this.#hasFailed) return;
    if (this.#file !== null) this.#writeFile(this.#file);
    else if (this.#untaken < UNTAKEN_BYTES_MAX) this.#post();
    if (this.#file !== null && place.file !== null && this.#file.size >= place.bytesMax) this.#rotate(this.#file);
  }

  /** Ends the section with its statistics, whether or not its taker is slow. */
  close(): void {
    this.#writeStatistics();
    if (this.#file === null) this.#post();
    else if (!this.#hasFailed) this.#writeFile(this.#file);
    this.#file?.close();
  }

  #beginSection(): void {
    this.#writer.section('Linux', this.#options.application);
  }

  #interfaceOf(port: number, snapLength: number): Interface {
    let found = this.#interfaces.get(port);
    if (!found) {
      found = { id: this.#interfaces.size, snapLength, frames: 0, missed: 0 };
      this.#interfaces.set(port, found);
      this.#describe(port, found);
    }
    return found;
  }

  #describe(port: number, { snapLength }: Interface): void {
    const name = this.#options.nameOf(port);
    this.#writer.interface(name, `tswitch port ${name}`, snapLength);
  }

  #optionsOf(ring: CaptureRingReader, record: number, shift: number, length: number): Options {
    const { words } = ring;
    const vnetAt = (record + RECORD.VNET) << 2;
    const isFinished = words[record + RECORD.VNET] === 0;
    const seen = {
      port: this.#options.nameOf(words[record + RECORD.PORT]!),
      isInbound: words[record + RECORD.DIRECTION] === RECEIVED,
      vlan: words[record + RECORD.VLAN]!,
      reason: words[record + RECORD.REASON]! - 1,
    };
    const key = `${words[record + RECORD.PORT]} ${seen.isInbound} ${seen.vlan} ${seen.reason}`;
    const kept = isFinished ? this.#kept.get(key) : undefined;
    if (kept) return kept;
    const header = ring.bytes.subarray(vnetAt, vnetAt + VNET_HEADER_BYTES);
    const offload = isFinished ? '' : `; ${offloadComment(header, shift, length)}`;
    const options = packetOptions(seen.isInbound, placeComment(seen) + offload);
    if (isFinished) {
      if (this.#kept.size >= OPTIONS_KEPT_MAX) this.#kept.clear();
      this.#kept.set(key, options);
    }
    return options;
  }

  #writeStatistics(): void {
    const ended = this.#options.now();
    for (const { id, frames, missed } of this.#interfaces.values()) {
      const comment = missed === 0 ? null : `${missed} frames are missing here: they came faster than they were taken`;
      this.#writer.statistics(id, {
        started: this.#started,
        ended,
        received: frames + missed,
        dropped: missed,
        comment,
      });
    }
  }

  #writeFile(file: CaptureFile): void {
    this.#attempt(() => file.write(this.#writer.take()));
  }

  #post(): void {
    const bytes = this.#writer.take().slice();
    this.#untaken += bytes.length;
    this.#lastByteMs = performance.now();
    this.#options.report({ told: 'chunk', output: this.#options.number, bytes }, [bytes.buffer]);
  }

  /** Every file is a section of its own, with all interfaces. */
  #rotate(file: CaptureFile): void {
    this.#writeStatistics();
    this.#attempt(() => {
      file.write(this.#writer.take());
      file.rotate();
    });
    this.#started = this.#options.now();
    this.#beginSection();
    for (const [port, each] of this.#interfaces) {
      each.frames = 0;
      each.missed = 0;
      this.#describe(port, each);
    }
  }

  #attempt(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#hasFailed = true;
      this.#options.report({ told: 'failed', output: this.#options.number, problem: fileProblem(error) });
    }
  }
}

/** @returns where what follows goes */
function copy(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number, bytes: number): number {
  if (bytes <= 0) return toAt;
  to.set(from.subarray(fromAt, fromAt + bytes), toAt);
  return toAt + bytes;
}

function tagBytes(tag: number): Uint8Array {
  const bytes = new Uint8Array(TAG_BYTES);
  writeTag(bytes, 0, tag);
  return bytes;
}
