/** One load of a file: what runs, what it was made from, and what was heard of it since. */
import { frameSummary } from '../frame-summary.ts';
import type { LogicDifference, LogicFault, LogicLoad } from '../../shared/logic-load.ts';
import { FIRST_OWN_COUNT, LogicCount, rowLength } from '../../switching/logic-counters.ts';
import type { LogicShape } from '../../switching/logic-shape.ts';
import type { WishedLogic } from '../wish/wish.ts';
import type { LogicDiffView, LogicFaultView, LogicStats, LogicVersionView } from './model.ts';

const FAULTS_KEPT = 8;
const DIFFERENCES_KEPT = 32;

/** What a version was made from. */
export interface LogicOrigin {
  shape: LogicShape;
  paramsSchema: Record<string, unknown> | null;
  /** Parameters as they were given, without what the schema adds. */
  given: Record<string, unknown>;
  /** Of the file, in hex. */
  sha256: string;
}

export class LogicVersion {
  load: LogicLoad;
  readonly shape: LogicShape;
  readonly paramsSchema: Record<string, unknown> | null;
  readonly sha256: string;
  readonly loadedAt = new Date().toISOString();
  given: Record<string, unknown>;
  readonly faults: LogicFaultView[] = [];
  readonly #differences: LogicDiffView['samples'] = [];

  constructor(load: LogicLoad, { shape, paramsSchema, given, sha256 }: LogicOrigin) {
    this.load = load;
    this.shape = shape;
    this.paramsSchema = paramsSchema;
    this.given = given;
    this.sha256 = sha256;
  }

  /** As a document says it. */
  wished(): WishedLogic {
    const { name, file, scope, isShadow } = this.load;
    const { ports, vlans } = scope;
    return {
      name,
      file,
      sha256: this.sha256,
      params: this.given,
      ports: [...ports],
      vlans: [...vlans],
      shadow: isShadow,
    };
  }

  /** Changes what workers are told of it: they make it anew. */
  revise(changes: Partial<LogicLoad>): void {
    this.load = { ...this.load, ...changes, revision: this.load.revision + 1 };
  }

  noteFault(fault: LogicFault, nameOf: (handle: number) => string): LogicFaultView {
    const view: LogicFaultView = {
      time: new Date().toISOString(),
      kind: fault.kind,
      message: fault.message,
      stack: fault.stack,
      port: fault.ingress < 0 ? null : nameOf(fault.ingress),
      frame: fault.frame && hex(fault.frame),
    };
    this.faults.push(view);
    if (this.faults.length > FAULTS_KEPT) this.faults.shift();
    return view;
  }

  noteDifference(
    { ingress, vlan, frame, length, live, shadow, bytes }: LogicDifference,
    nameOf: (handle: number) => string,
  ): void {
    const named = (text: string): string => text.replace(/#(\d+)/, (_, handle: string) => nameOf(Number(handle)));
    this.#differences.push({
      time: new Date().toISOString(),
      port: nameOf(ingress),
      vlan,
      length,
      frame: hex(frame),
      summary: frameSummary(frame, length),
      live: named(live),
      shadow: named(shadow),
      bytes: bytes && { at: bytes.at, live: hex(bytes.live), shadow: hex(bytes.shadow) },
    });
    if (this.#differences.length > DIFFERENCES_KEPT) this.#differences.shift();
  }

  view(): LogicVersionView {
    const { shape, load } = this;
    const row = this.#row();
    const drops = Object.entries(shape.drops);
    const counters = Object.entries(shape.counters);
    return {
      id: load.id,
      file: load.file,
      sha256: this.sha256,
      loadedAt: this.loadedAt,
      description: shape.description,
      style: shape.style,
      params: load.params as Record<string, unknown>,
      paramsSchema: this.paramsSchema,
      frames: row[LogicCount.FRAMES]!,
      decided: row[LogicCount.DECIDED]!,
      sent: row[LogicCount.SENT]!,
      copies: row[LogicCount.COPIES]!,
      refused: row[LogicCount.REFUSED]!,
      faults: row[LogicCount.FAULTS]!,
      microseconds: Math.round(row[LogicCount.MICROS]!),
      exchangeMicroseconds: Math.round(Math.max(...this.#column(LogicCount.EXCHANGE_MICROS))),
      drops: drops.map(([reason, sentence], k) => ({ reason, sentence, count: row[FIRST_OWN_COUNT + k]! })),
      counters: counters.map(([name, sentence], k) => {
        return { name, sentence, count: row[FIRST_OWN_COUNT + drops.length + k]! };
      }),
      lastFaults: [...this.faults],
    };
  }

  stats(): LogicStats {
    const { frames, decided, sent, copies, faults, drops, counters } = this.view();
    return {
      frames,
      decided,
      sent,
      copies,
      faults,
      drops: Object.fromEntries(drops.map(({ reason, count }) => [reason, count])),
      counters: Object.fromEntries(counters.map(({ name, count }) => [name, count])),
    };
  }

  diff(): LogicDiffView {
    const row = this.#row();
    return {
      name: this.load.name,
      compared: row[LogicCount.COMPARED]!,
      different: row[LogicCount.DIFFERENT]!,
      samples: [...this.#differences],
    };
  }

  /** What each worker has in it. */
  #column(column: number): Float64Array {
    const length = this.#rowLength();
    return new Float64Array(this.load.memory.counters).filter((_, at) => at % length === column);
  }

  #rowLength(): number {
    const { drops, counters } = this.shape;
    return rowLength(Object.keys(drops).length, Object.keys(counters).length);
  }

  /** Summed over the workers. */
  #row(): Float64Array {
    const length = this.#rowLength();
    const all = new Float64Array(this.load.memory.counters);
    const sum = new Float64Array(length);
    for (let at = 0; at < all.length; at++) sum[at % length] = sum[at % length]! + all[at]!;
    return sum;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
