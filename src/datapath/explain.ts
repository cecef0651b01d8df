/**
 * What the switch would do with a frame, told stage by stage. A data path of its own, with memory ports, the configuration
 * of the live one and a copy of its FDB, really forwards the frame; then what it decided is read and put into words. So it is
 * the code that forwards, and no live state is touched. Runs in a thread of its own, started by file name.
 */
import type { Batch } from '../frame/batch.ts';
import { DESTINATION, SOURCE } from '../frame/ethernet.ts';
import { NO_TAG, PCP_SHIFT, tagOf, TPID_CUSTOMER, VID_MASK } from '../frame/vlan.ts';
import { GATHER_LIST_BYTES } from '../ports/gather-list.ts';
import { MEMORY_PORT_BUFFER_BYTES, MemoryPort } from '../ports/memory-port.ts';
import { Board, Counter, FIRST_DROP_COUNTER } from '../shared/board.ts';
import { LOGIC_BUFFER_BYTES, VLANS } from '../limits.ts';
import type { PortConfig, WireMirror } from '../shared/commands.ts';
import type { LogicFault, LogicLoad, LogicReport } from '../shared/logic-load.ts';
import type { ExplainedEgress, ExplainTask, Explanation } from '../shared/explain-task.ts';
import { Drop, DROP_NAMES, DROP_SENTENCES, type DropName } from '../switching/drop-reasons.ts';
import {
  Fdb,
  type FdbEntry,
  HELD,
  keyHigh,
  keyLow,
  KIND_STATIC,
  KIND_STICKY,
  TICKS_PER_SECOND,
  UNCHANGED,
} from '../switching/fdb.ts';
import { learning } from '../switching/logics/learning.ts';
import { classifiedDrop, FLOOD_BROADCAST, FLOOD_MULTICAST } from '../switching/port-table.ts';
import { innerKey } from '../switching/inner-tag.ts';
import type { AnyLogic } from '../switching/logic.ts';
import { FIRST_DROP, FLOOD } from '../switching/verdict.ts';
import { DataPath } from './data-path.ts';
import type { LogicHost } from './logic-host.ts';
import { loadLogic } from './logic-loader.ts';
import { floodClass } from './storm-limiter.ts';

type Stage = Explanation['stages'][number];

/** The stage at which a frame with the reason ends, for those before the destination is looked at. */
const ADMIT_REASONS: ReadonlySet<DropName> = new Set([
  'RUNT',
  'OVERSIZE',
  'TRUNCATED_TAG',
  'SOURCE_NOT_UNICAST',
  'RESERVED_ADDRESS',
  'INGRESS_DOWN',
  'LOOP_BLOCKED',
  'LOOP_PROBE',
]);
const OWNER = 1;
/** Used again for the next frame: the copy of the table, which is large, and what the frame lies in. */
let tableCopy: SharedArrayBuffer | null = null;
const BUFFERS_BYTES = GATHER_LIST_BYTES + LOGIC_BUFFER_BYTES;
const frameBytes = new Uint8Array(new SharedArrayBuffer(BUFFERS_BYTES + MEMORY_PORT_BUFFER_BYTES));

export default function explain(task: ExplainTask): Explanation {
  return new Explainer(task).explain();
}

class Explainer {
  readonly #task: ExplainTask;
  readonly #board = Board.create(1);
  readonly #ports: MemoryPort[];
  readonly #dataPath: DataPath;
  readonly #fdb: Fdb;
  readonly #ingress: { name: string; config: PortConfig };
  readonly #faults: LogicFault[] = [];

  constructor(task: ExplainTask) {
    this.#task = task;
    const fdb = Fdb.copyOf(task.fdb, tableCopy);
    tableCopy = fdb;
    this.#fdb = new Fdb(fdb, OWNER);
    const memory = { bytes: frameBytes, address: 0 };
    const board = this.#board;
    board.probeTokens.set(task.probeTokens);
    const open = ({ module, file }: LogicLoad): AnyLogic => loadLogic(module, file);
    const loaded = {
      bufferAt: GATHER_LIST_BYTES,
      batchMsMax: Infinity,
      open,
      report: (report: LogicReport) => this.#note(report),
    };
    this.#dataPath = new DataPath({ worker: 0, board, memory, gatherListAt: 0, fdb, logic: learning, loaded });
    // One frame arrives, so all ports can share the memory for arrivals.
    this.#ports = task.ports.map(({ handle }) => new MemoryPort(handle, memory, BUFFERS_BYTES));
    // Mirrored copies would look like forwarded ones: they are told of, not made.
    task.ports.forEach(({ config }, k) => this.#dataPath.openPort(this.#ports[k]!, { ...config, mirror: null }));
    this.#dataPath.configure({ forwardReserved: task.forwardReserved });
    this.#ingress = task.ports.find(({ handle }) => handle === task.ingress)!;
    this.#dataPath.useLogics(task.logics.filter(({ isShadow }) => !isShadow).map(withOwnMemory));
  }

  explain(): Explanation {
    const { ingress, frame, now } = this.#task;
    const { batch } = this.#dataPath;
    const port = this.#ports.find(({ handle }) => handle === ingress)!;
    port.inject(frame);
    this.#dataPath.turn(now);
    const reason = this.#reasonAt(ingress);
    const isFlooded = this.#count(ingress, Counter.FLOODED) > 0;
    const stages = this.#stages(reason);
    const isClassified = stages.length > 2;
    return {
      outcome: reason ? 'dropped' : isFlooded ? 'flooded' : 'forwarded',
      reason,
      vlan: isClassified ? batch.vlan[0]! : null,
      stages,
      egress: [...(isClassified ? this.#egress(isFlooded || reason === 'NO_EGRESS') : []), ...this.#mirrored()],
    };
  }

  #note(report: LogicReport): void {
    if ('fault' in report) this.#faults.push(report.fault);
  }

  /** Copies of the frame as it enters and as it leaves, by the ports that are mirrored. */
  #mirrored(): ExplainedEgress[] {
    const { ports, ingress, frame } = this.#task;
    return ports.flatMap(({ handle, name, config: { mirror } }, k) => {
      if (mirror === null || !mirrorsVlan(mirror, enteredVlanOf(this.#dataPath.batch))) return [];
      const entered = handle === ingress && mirror.received ? [{ frame, text: `what enters by ${name}` }] : [];
      const left = mirror.sent
        ? this.#ports[k]!.sent.map((sent) => ({ frame: sent, text: `what leaves by ${name}` }))
        : [];
      const to = mirror.to === null ? null : this.#nameOf(mirror.to);
      return [...entered, ...left].map((copy) => ({
        port: to ?? name,
        frame: copy.frame,
        reason: null,
        text: `mirror: a copy of ${copy.text}${to === null ? `, written into ${mirror.file}` : ''}`,
      }));
    });
  }

  #stages(reason: DropName | null): Stage[] {
    const { batch } = this.#dataPath;
    const { frame, ingress, now } = this.#task;
    if (reason && ADMIT_REASONS.has(reason)) return [dropped('admit', reason)];
    const text = `whole header, individual source address, ${frame.length} bytes`;
    const stages: Stage[] = [{ stage: 'admit', verdict: 'accepted', text }];
    const classified = this.#dataPath.table.classify(ingress, batch.tpid[0]!, batch.tci[0]!);
    if (reason && classifiedDrop(classified) !== 0) return [...stages, dropped('vlan', reason, this.#arrival())];
    const vlan = batch.vlan[0]!;
    stages.push({ stage: 'vlan', verdict: `VLAN ${vlan}`, text: this.#arrival() });
    const decided = this.#dataPath.logics?.decided(0) ?? null;
    // What is in shadow decides nothing.
    if (this.#task.logics.some(({ isShadow }) => !isShadow)) stages.push(this.#logicStage(decided, reason));
    if (decided) return reason && reason !== 'NO_EGRESS' ? stages : [...stages, this.#egressStage(reason)];
    const [sourceHigh, sourceLow] = [keyHigh(frame, SOURCE, vlan), keyLow(frame, SOURCE)];
    // As they were before the frame: the live table is only read.
    const live = new Fdb(this.#task.fdb, OWNER);
    const source = live.find(sourceHigh, sourceLow, now);
    const destination = live.find(keyHigh(frame, DESTINATION, vlan), keyLow(frame, DESTINATION), now);
    if (reason === 'SOURCE_PINNED') return [...stages, dropped('source', reason, this.#known(source))];
    stages.push(this.#sourceStage(source, this.#fdb.learn(sourceHigh, sourceLow, ingress, now)));
    stages.push(this.#destinationStage(reason, destination));
    if (reason && reason !== 'NO_EGRESS') return stages;
    return [...stages, this.#egressStage(reason)];
  }

  #egressStage(reason: DropName | null): Stage {
    const copies = this.#ports.filter(({ sent }) => sent.length > 0).length;
    const text = `${copies} ${copies === 1 ? 'copy is' : 'copies are'} sent`;
    return reason ? dropped('egress', reason) : { stage: 'egress', verdict: copies > 0 ? 'sent' : 'dropped', text };
  }

  /** What the loaded logics made of the frame. */
  #logicStage(decided: ReturnType<LogicHost['decided']>, reason: DropName | null): Stage {
    const [fault] = this.#faults;
    const names = this.#task.logics.filter(({ isShadow }) => !isShadow).map(({ name }) => name);
    const leave = `${names.join(', ')} ${names.length === 1 ? 'leaves' : 'leave'} it to the built-in logic`;
    if (!decided) return { stage: 'logic', verdict: fault ? 'failed' : 'left', text: fault ? fault.message : leave };
    const { runner } = decided;
    const own = decided.reason === null ? null : (runner.logic.drops?.[decided.reason] ?? null);
    const text = own === null ? `decided by ${runner.load.name}` : `${runner.load.name}: ${own}`;
    if (reason && reason !== 'NO_EGRESS')
      return { stage: 'logic', verdict: `dropped: ${decided.reason ?? reason}`, text };
    const verdict = this.#dataPath.batch.verdict[0]!;
    return { stage: 'logic', verdict: verdict === FLOOD ? 'flood' : `forward to ${this.#nameOf(verdict)}`, text };
  }

  /** What tag the frame came with, and what the port's mode makes of it. */
  #arrival(): string {
    const { batch } = this.#dataPath;
    const { name, config } = this.#ingress;
    const tci = batch.tci[0]!;
    const tag = tagOf(batch.tpid[0]!, tci);
    const vid = tci & VID_MASK;
    const pcp = tci >>> PCP_SHIFT;
    const tpid = batch.tpid[0] === TPID_CUSTOMER ? '802.1Q' : '802.1ad';
    const came =
      tag === NO_TAG
        ? 'untagged'
        : `${tpid} ${vid === 0 ? 'priority tag' : `tag with VID ${vid}`}${pcp ? `, PCP ${pcp}` : ''}`;
    const carries = {
      access: `access port of VLAN ${config.vlan}`,
      trunk: `trunk of ${listOf(config.trunks)}`,
      'native-tagged': `trunk of ${listOf(config.trunks)} with native VLAN ${config.vlan}`,
      'native-untagged': `trunk of ${listOf(config.trunks)} with native VLAN ${config.vlan}`,
      'dot1q-tunnel': `tunnel of VLAN ${config.vlan}, which keeps the frame's own tags inside`,
      transparent: `transparent port of VLAN ${config.vlan}, which keeps the frame's own tags inside`,
    }[config.mode];
    const customers = config.cvlans.length > 0 ? ` and lets in customer VLANs ${config.cvlans.join(', ')} only` : '';
    return `${came}; ${name} is a ${carries}${customers}`.replace(' is a access', ' is an access');
  }

  /** @param again what learning would do with the same frame once more (see Fdb.learn) */
  #sourceStage(before: FdbEntry | null, again: number): Stage {
    const { name, config } = this.#ingress;
    const known = this.#known(before);
    if (!config.learning) return { stage: 'source', verdict: 'not learned', text: `${name} does not learn` };
    if (before?.handle === this.#task.ingress) {
      return { stage: 'source', verdict: 'known', text: `known here: ${known}` };
    }
    if (again === HELD) return { stage: 'source', verdict: 'held', text: `is held, does not move here: ${known}` };
    if (again === UNCHANGED) {
      return before
        ? { stage: 'source', verdict: 'moved', text: `moves here: ${known}` }
        : { stage: 'source', verdict: 'learned', text: `unknown until now, learned on ${name}` };
    }
    const text = `${name} is at its fdbLimit, or the FDB is full${before ? `; it stays where it is: ${known}` : ''}`;
    return { stage: 'source', verdict: 'not learned', text };
  }

  #destinationStage(reason: DropName | null, known: FdbEntry | null): Stage {
    const { batch } = this.#dataPath;
    const floodOf = floodClass(batch.bytes, batch.offset[0]!);
    if (floodOf === FLOOD_BROADCAST) return { stage: 'destination', verdict: 'flood', text: 'broadcast' };
    if (floodOf === FLOOD_MULTICAST) return { stage: 'destination', verdict: 'flood', text: 'multicast' };
    if (reason === 'HAIRPIN' && !known) return dropped('destination', reason);
    if (!known) return { stage: 'destination', verdict: 'flood', text: 'unknown unicast address' };
    if (reason && reason !== 'NO_EGRESS') return dropped('destination', reason, this.#known(known));
    return { stage: 'destination', verdict: 'known', text: this.#known(known) };
  }

  #known(entry: FdbEntry | null): string {
    if (!entry) return 'unknown';
    // A frame may have come since the question was asked.
    const seconds = Math.max(0, Math.floor((this.#task.now - entry.seen) / TICKS_PER_SECOND));
    const kind = entry.kind === KIND_STATIC ? 'static' : entry.kind === KIND_STICKY ? 'sticky' : 'learned';
    return `${kind} on ${this.#nameOf(entry.handle)}, last seen ${seconds} s ago`;
  }

  /** Every port that the frame concerns: those it is sent by, those that drop it, and in a flood those it is kept from. */
  #egress(isFlooded: boolean): ExplainedEgress[] {
    const { table, batch } = this.#dataPath;
    const vlan = batch.vlan[0]!;
    const found: ExplainedEgress[] = [];
    this.#task.ports.forEach(({ handle, name }, k) => {
      const [frame] = this.#ports[k]!.sent;
      const reason = handle === this.#task.ingress ? null : this.#reasonAt(handle);
      if (frame) {
        const tagged = table.tags(handle, vlan) ? 'tagged' : 'untagged';
        found.push({ port: name, frame, reason: null, text: `sent, VLAN ${vlan} ${tagged}, ${frame.length} bytes` });
      } else if (reason) {
        found.push({ port: name, frame: null, reason, text: DROP_SENTENCES[reason]! });
      } else if (isFlooded && table.carries(handle, vlan)) {
        found.push({ port: name, frame: null, ...this.#whyNot(handle) });
      }
    });
    return found;
  }

  #whyNot(handle: number): { reason: string | null; text: string } {
    const { batch, reach } = this.#dataPath;
    if (handle === batch.ingress) return { reason: null, text: 'the frame came from here' };
    const verdict = reach.verdict(batch, 0, innerKey(batch, 0, reach.tunnelled), handle);
    if (verdict !== handle) {
      const reason = nameOfReason(verdict - FIRST_DROP);
      return { reason, text: DROP_SENTENCES[reason]! };
    }
    const floodOf = floodClass(batch.bytes, batch.offset[0]!);
    const flag =
      { [FLOOD_BROADCAST]: 'floodBroadcast', [FLOOD_MULTICAST]: 'floodMulticast' }[floodOf] ?? 'floodUnknown';
    return { reason: null, text: `${flag} is off` };
  }

  #nameOf(handle: number): string {
    return this.#task.ports.find((port) => port.handle === handle)?.name ?? `port ${handle}`;
  }

  #count(handle: number, counter: number): number {
    return this.#board.counters[this.#board.row(0, handle) + counter]!;
  }

  /** The reason for which the port dropped the frame, or null. */
  #reasonAt(handle: number): DropName | null {
    return DROP_NAMES.find((name) => this.#count(handle, FIRST_DROP_COUNTER + Drop[name]) > 0) ?? null;
  }
}

function dropped(stage: Stage['stage'], reason: DropName, context?: string): Stage {
  const sentence = DROP_SENTENCES[reason]!;
  return { stage, verdict: `dropped: ${reason}`, text: context ? `${sentence} (${context})` : sentence };
}

function mirrorsVlan({ vlans }: WireMirror, vlan: number): boolean {
  return vlans.length === 0 || vlans.includes(vlan);
}

/** The VLAN that the batch's one frame got, else that of its outer tag, else 0. */
function enteredVlanOf({ vlan, tpid, tci }: Batch): number {
  const classified = vlan[0]!;
  if (classified !== 0 && classified < VLANS) return classified;
  return tpid[0] === 0 ? 0 : tci[0]! & VID_MASK;
}

function nameOfReason(reason: number): DropName {
  return DROP_NAMES.find((name) => Drop[name] === reason)!;
}

/** The same logic, with a copy of its tables: explaining changes nothing. */
function withOwnMemory(load: LogicLoad): LogicLoad {
  const tables = Object.entries(load.memory.tables).map(([name, table]) => [name, copyOf(table)] as const);
  return { ...load, memory: { counters: copyOf(load.memory.counters), tables: Object.fromEntries(tables) } };
}

function copyOf(buffer: SharedArrayBuffer): SharedArrayBuffer {
  return buffer.slice(0);
}

function listOf(vids: readonly number[]): string {
  return vids.length === 0 ? 'all VLANs' : `VLANs ${vids.join(', ')}`;
}
