/**
 * Replays a recording and compares: what becomes of each frame now with what became of it then, or what two logics make of it.
 * The first frame where they differ is told with both verdicts.
 */
import { verdictText } from '../datapath/logic-shadow.ts';
import { Counter, FIRST_DROP_COUNTER } from '../shared/board.ts';
import { FRAME_WORDS, OUTCOME, type RecordedLogic } from '../shared/recording.ts';
import type { ReplayDifference, ReplayReport, ReplaySide } from '../shared/replay-report.ts';
import { Drop, DROP_NAMES } from '../switching/drop-reasons.ts';
import { FIRST_DROP, FLOOD } from '../switching/verdict.ts';
import { type FrameOutcome, frameOutcomes, framesIn, isDisturbed, isSameOutcome, sentLists } from './outcome-text.ts';
import { readRecording, RecordingError, type RecordedSection } from './recording-reader.ts';
import { type Decider, type Instead, type ReplayLogic, ReplaySwitch, type Step } from './replay-switch.ts';

export type { ReplayReport } from '../shared/replay-report.ts';

const SHOWN_BYTES_MAX = 256;
const NO_OUTCOME = new Int32Array(OUTCOME.FRAMES_AT);

export interface ReplayOptions {
  /** A recorded logic, brought to life. */
  open: (recorded: RecordedLogic) => ReplayLogic;
  /** Called behind each batch. */
  onBatch?: () => void;
  /** Decides instead of the recorded ones. */
  logic?: Instead;
  /** Another one, that `logic` is compared with; without it, what was recorded is. */
  against?: Instead;
}

/** One of the two that are compared. */
interface Side {
  readonly name: string;
  readonly decider: (decision: number) => Decider | null;
  /** Frames by verdict. */
  readonly verdicts: Map<string, number>;
}

/** @throws RecordingError where the file is no recording, is broken, or cannot be run again */
export function replayRecording(file: Uint8Array, options: ReplayOptions): ReplayReport {
  const sections = readRecording(file);
  try {
    const reports = sections.map((section) => new Comparison(section, options).run());
    return summed(sections, reports);
  } catch (error) {
    // What is run is no logic here: those that fail are contained.
    const isBroken = error instanceof RangeError || error instanceof TypeError;
    throw isBroken ? new RecordingError(`is broken: ${error.message}`, { cause: error }) : error;
  }
}

type SectionReport = Omit<ReplayReport, 'version' | 'workers' | 'started' | 'reason'>;

class Comparison {
  readonly #section: RecordedSection;
  readonly #switch: ReplaySwitch;
  /** Runs `against`. */
  readonly #other: ReplaySwitch | null;
  readonly #first: Side;
  readonly #second: Side;
  readonly #onBatch: () => void;
  #frames = 0;
  #batches = 0;
  #different = 0;
  #disturbed = 0;
  #difference: ReplayDifference | null = null;
  #beganMs = 0;
  #endedMs = 0;

  constructor(section: RecordedSection, { open, logic, against, onBatch }: ReplayOptions) {
    this.#onBatch = onBatch ?? (() => {});
    this.#section = section;
    const [one, other] = [
      new ReplaySwitch(section, { open, instead: against ?? logic ?? null }),
      against && logic ? new ReplaySwitch(section, { open, instead: logic }) : null,
    ];
    this.#switch = one;
    this.#other = other;
    this.#first = other
      ? { name: logic!.name, decider: (decision) => other.decider(decision), verdicts: new Map() }
      : { name: 'recorded', decider: (decision) => one.recordedDecider(decision), verdicts: new Map() };
    const name = (against ?? logic)?.name ?? 'replayed';
    this.#second = { name, decider: (decision) => one.decider(decision), verdicts: new Map() };
  }

  run(): SectionReport {
    const others = this.#other?.run();
    for (const step of this.#switch.run()) {
      const other = others?.next().value;
      if (step.frames.length > 0) {
        if (this.#batches++ === 0) this.#beganMs = step.ms;
        this.#endedMs = step.ms;
      }
      this.#compare(step, (other ? other.outcome : step.recorded) ?? NO_OUTCOME);
      this.#frames += step.frames.length;
      this.#onBatch();
    }
    const faults = [this.#other, this.#switch].flatMap((each) => each?.faults ?? []);
    return {
      frames: this.#frames,
      batches: this.#batches,
      seconds: (this.#endedMs - this.#beganMs) / 1000,
      isSame: this.#different === 0,
      different: this.#different,
      disturbed: this.#disturbed,
      sides: [this.#first, this.#second].map(({ name, verdicts }) => {
        return { name, verdicts: Object.fromEntries(verdicts) };
      }),
      ports: this.#ports(),
      faults: faults.map(({ kind, message }) => `${kind}: ${message}`),
      difference: this.#difference,
    };
  }

  #compare(step: Step, first: Int32Array): void {
    const second = step.outcome;
    count(this.#first, first);
    count(this.#second, second);
    if (isSameOutcome(first, second)) return;
    // Others had a hand in it when it was recorded; two that are run now differ by themselves.
    if (this.#other === null && isDisturbed(first)) {
      this.#disturbed += framesIn(first);
      return;
    }
    const [was, is] = [frameOutcomes(first), frameOutcomes(second)];
    const differing = step.frames.flatMap((_, i) => (this.#isSame(was[i]!, is[i]!) ? [] : i));
    if (differing.length === 0 && JSON.stringify(sentLists(first)) === JSON.stringify(sentLists(second))) return;
    this.#different += Math.max(1, differing.length);
    this.#difference ??= this.#differenceAt(step, differing[0] ?? -1, was, is);
  }

  /** Whether the same becomes of it, whoever decided that. */
  #isSame(was: FrameOutcome, is: FrameOutcome): boolean {
    const isAlike = was.verdict === is.verdict && was.vlan === is.vlan;
    const [then, now] = [this.#first.decider(was.decision), this.#second.decider(is.decision)];
    const hasSameReason = (then?.reason ?? null) === (now?.reason ?? null);
    return isAlike && hasSameReason && JSON.stringify(was.sent) === JSON.stringify(is.sent);
  }

  /** @param i -1: what was sent differs, but for none of the frames: it is what a logic sent of its own */
  #differenceAt(step: Step, i: number, was: readonly FrameOutcome[], is: readonly FrameOutcome[]): ReplayDifference {
    const frame = step.frames[i];
    return {
      worker: this.#section.header.worker,
      frame: frame ? this.#frames + i + 1 : null,
      seconds: Math.max(0, step.ms - this.#beganMs) / 1000,
      port: frame ? this.#nameOf(frame.handle) : null,
      bytes: frame ? Buffer.from(frame.bytes.subarray(0, SHOWN_BYTES_MAX)).toString('hex') : null,
      length: frame?.bytes.length ?? 0,
      sides: [this.#told(this.#first, was[i]), this.#told(this.#second, is[i])],
    };
  }

  #told({ name, decider }: Side, outcome: FrameOutcome | undefined): ReplaySide {
    if (!outcome) return { name, verdict: null, vlan: null, by: null, sent: [] };
    const by = decider(outcome.decision);
    const verdict = verdictText(outcome.verdict, by?.reason ?? null);
    const ports = Map.groupBy(outcome.sent, ({ handle }) => handle);
    return {
      name,
      verdict: verdict.replace(/#(\d+)/, (_, handle: string) => this.#nameOf(Number(handle))),
      vlan: outcome.vlan,
      by: by?.logic ?? 'learning',
      sent: [...ports]
        .sort(([a], [b]) => a - b)
        .map(([handle, messages]) => ({
          port: this.#nameOf(handle),
          frames: messages.filter(({ errno }) => errno === 0).length,
          digest: messages.map(({ digest }) => (digest >>> 0).toString(16).padStart(8, '0')).join(''),
        })),
    };
  }

  #ports(): ReplayReport['ports'] {
    const { board, names, worker } = this.#switch;
    return names.map((port, handle) => {
      const row = board.row(worker, handle);
      const at = (counter: number): number => board.counters[row + counter]!;
      const drops = DROP_NAMES.map((name) => [name, at(FIRST_DROP_COUNTER + Drop[name])] as const);
      return {
        port,
        received: at(Counter.RX_FRAMES),
        sent: at(Counter.TX_FRAMES),
        drops: Object.fromEntries(drops.filter(([, frames]) => frames > 0)),
      };
    });
  }

  #nameOf(handle: number): string {
    return this.#switch.names[handle] ?? `port ${handle}`;
  }
}

/** Adds up the verdicts of an outcome: `forward`, `flood`, or a drop with its reason. */
function count({ verdicts, decider }: Side, outcome: Int32Array): void {
  for (let i = 0; i < framesIn(outcome); i++) {
    const at = OUTCOME.FRAMES_AT + i * FRAME_WORDS;
    const verdict = outcome[at]!;
    const reason = verdict < FIRST_DROP ? null : (decider(outcome[at + 1]! & 0xffff)?.reason ?? null);
    const text = verdict < FLOOD ? 'forward' : verdictText(verdict, reason);
    verdicts.set(text, (verdicts.get(text) ?? 0) + 1);
  }
}

/** Of all workers together. */
function summed(sections: readonly RecordedSection[], reports: readonly SectionReport[]): ReplayReport {
  const [{ header, end }] = sections as [RecordedSection];
  const sum = (of: (report: SectionReport) => number): number => reports.reduce((all, each) => all + of(each), 0);
  return {
    version: header.version,
    workers: header.workers,
    started: new Date(header.startedMs).toISOString(),
    reason: end?.reason ?? null,
    frames: sum(({ frames }) => frames),
    batches: sum(({ batches }) => batches),
    seconds: Math.max(...reports.map(({ seconds }) => seconds)),
    isSame: reports.every(({ isSame: same }) => same),
    different: sum(({ different }) => different),
    disturbed: sum(({ disturbed }) => disturbed),
    sides: [0, 1].map((k) => ({
      name: reports[0]!.sides[k]!.name,
      verdicts: added(reports.map(({ sides }) => sides[k]!.verdicts)),
    })),
    ports: [...Map.groupBy(reports.flatMap(({ ports }) => ports), ({ port }) => port)].map(([port, each]) => ({
      port,
      received: each.reduce((all, { received }) => all + received, 0),
      sent: each.reduce((all, { sent }) => all + sent, 0),
      drops: added(each.map(({ drops }) => drops)),
    })), // prettier-ignore
    faults: reports.flatMap(({ faults }) => faults),
    difference: reports.find(({ difference }) => difference)?.difference ?? null,
  };
}

function added(counts: readonly Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const each of counts) for (const [name, n] of Object.entries(each)) sums[name] = (sums[name] ?? 0) + n;
  return sums;
}
