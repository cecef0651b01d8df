/** Reads what a data path recorded, as the capture thread does, into plain objects. */
import { CAPTURE_RING_BYTES, CaptureRingReader, RECEIVED, RECORD } from '../../src/shared/capture-ring.ts';
import type { CaptureOrders, CaptureSink } from '../../src/shared/commands.ts';
import { DROP_NAMES } from '../../src/switching/drop-reasons.ts';
import type { Lan } from './lan.ts';

export interface Recorded {
  sinks: number;
  handle: number;
  direction: 'in' | 'out';
  reason: string | null;
  vlan: number;
  tag: number;
  length: number;
  /** What was kept, the pieces one after the other. */
  bytes: Uint8Array;
  time: number;
}

type Masks = Partial<Record<'received' | 'sent' | 'dropped', number>>;

export class Recording {
  readonly buffer = new SharedArrayBuffer(CAPTURE_RING_BYTES);
  readonly reader = new CaptureRingReader(this.buffer);

  /** Has the lan record. @param ports what is wanted of each port, as bits of sinks */
  order(lan: Lan, sinks: Partial<CaptureSink>[], ports: Record<string, Masks>): CaptureOrders {
    const orders: CaptureOrders = {
      ring: this.buffer,
      sinks: sinks.map((wish, sink) => ({ sink, snapLength: 65_558, vlans: [], filter: null, ...wish })),
      ports: Object.entries(ports).map(([name, masks]) => {
        const { handle } = lan.port(name);
        return { handle, port: 100 + handle, received: 0, sent: 0, dropped: 0, ...masks };
      }),
    };
    lan.dataPath.capture(orders);
    return orders;
  }

  /** What was recorded since the last call. */
  take(): Recorded[] {
    const { words, bytes, times } = this.reader;
    const taken: Recorded[] = [];
    for (let at = this.reader.next(); at >= 0; at = this.reader.next()) {
      const first = words[at + RECORD.FIRST]!;
      const second = words[at + RECORD.SECOND]!;
      const begin = (at + RECORD.DATA) * 4;
      const firstAt = begin + (first & 3);
      const secondAt = begin + 4 * Math.ceil(((first & 3) + (first >>> 2)) / 4) + (second & 3);
      const pieces = [bytes.slice(firstAt, firstAt + (first >>> 2)), bytes.slice(secondAt, secondAt + (second >>> 2))];
      taken.push({
        sinks: words[at + RECORD.SINKS]!,
        handle: words[at + RECORD.HANDLE]!,
        direction: words[at + RECORD.DIRECTION] === RECEIVED ? 'in' : 'out',
        reason: DROP_NAMES[words[at + RECORD.REASON]! - 1] ?? null,
        vlan: words[at + RECORD.VLAN]!,
        tag: words[at + RECORD.TAG]!,
        length: words[at + RECORD.LENGTH]!,
        bytes: Uint8Array.from(pieces.flatMap((piece) => [...piece])),
        time: times[(at + RECORD.TIME) / 2]!,
      });
      this.reader.release(at);
    }
    return taken;
  }
}
